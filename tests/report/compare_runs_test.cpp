#include "report/compare_runs.hpp"

#include <algorithm>
#include <cmath>

#include "results/sample_run.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("a run compared with itself has no difference") {
    const RunComparison comparison = compare_runs(test::sample_run(), test::sample_run());
    CHECK(comparison.config.empty());
    CHECK(comparison.provenance.empty());
    REQUIRE(comparison.layers.size() == 2);
    CHECK(comparison.layers[0].same_weights);
    CHECK(comparison.layers[1].same_weights);
    REQUIRE(comparison.accuracies.size() == 2);
    CHECK(comparison.accuracies[1].paired->p_value == 1);
    const std::string text = describe_comparison(comparison);
    CHECK_THAT(text, ContainsSubstring("config keys: no difference"));
    CHECK_THAT(text, ContainsSubstring("figures: no difference"));
    CHECK_THAT(text, ContainsSubstring("layers: 2 of 2 with identical codes"));
}

TEST_CASE("figures that differ are listed with both values, also where one was not measured") {
    RunRecord second = test::sample_run();
    second.agreement.reset();
    second.model_size.average_bits_with_scales = 4.25;
    const RunComparison comparison = compare_runs(test::sample_run(), second);
    REQUIRE(comparison.figures.size() == 2);
    CHECK(comparison.figures[0].figure->name == "agreement");
    const std::string text = describe_comparison(comparison);
    CHECK_THAT(text, ContainsSubstring("  agreement                    60.00 | -\n") &&
                         ContainsSubstring("  average_bits_with_scales     4.50 | 4.25\n"));
}

TEST_CASE("a stored config that can't be read is an error that names its file") {
    RunRecord damaged = test::sample_run();
    damaged.config = "seed: 4: 5\n";
    CHECK_THROWS_WITH(compare_runs(test::sample_run(), damaged, "a.h5", "b.h5"),
                      ContainsSubstring("b.h5:1: "));
    CHECK_THROWS_WITH(compare_runs(damaged, test::sample_run(), "a.h5", "b.h5"),
                      ContainsSubstring("a.h5:1: "));
}

TEST_CASE("config keys that differ or are missing are listed with both values") {
    RunRecord second = test::sample_run();
    second.config = "seed: 4\nmodel: {name: demo_vit}\nquantization: {bits: 4, layers: []}\n";
    const auto keys = compare_runs(test::sample_run(), second).config;
    REQUIRE(keys.size() == 3);
    CHECK(keys[0].key == "quantization.layers");
    CHECK(keys[0].second == "[]");
    CHECK(keys[1].key == "quantization.method");
    CHECK(keys[1].first == "comq");
    CHECK(keys[1].second == "(none)");
    CHECK(keys[2].key == "seed");
    CHECK(keys[2].first == "3");
    CHECK(keys[2].second == "4");
}

TEST_CASE("layers are compared by name, codes by value") {
    RunRecord second = test::sample_run();
    std::swap(second.layers[0], second.layers[1]);
    LayerRecord& attention = second.layers[1];
    auto codes = attention.bit_code.as<uint8_t>();
    std::vector<uint8_t> changed(codes.begin(), codes.end());
    for (std::size_t i = 0; i < 6; ++i) changed[i] ^= 1;
    attention.bit_code = HostTensor::copy_of<uint8_t>(DType::u8, attention.bit_code.shape, changed);
    second.layers[0].name = "features.4.expand3x3";
    const RunComparison comparison = compare_runs(test::sample_run(), second);
    const auto& layers = comparison.layers;
    REQUIRE(layers.size() == 3);
    CHECK(layers[0].name == "blocks.0.attn.qkv");
    CHECK_FALSE(layers[0].same_weights);
    CHECK(*layers[0].equal_codes == 0.75);  // 18 of 24
    CHECK(layers[1].name == "features.3.expand3x3");
    CHECK_FALSE(layers[1].second.has_value());
    CHECK(layers[2].name == "features.4.expand3x3");
    CHECK_FALSE(layers[2].first.has_value());
    const std::string text = describe_comparison(comparison);
    CHECK_THAT(text, ContainsSubstring("4 bits, 0.06250 | 4 bits, 0.06250, 75.00% of the codes"));
    CHECK_THAT(text, ContainsSubstring("2 bits, 0.25000 | (none)"));
}

TEST_CASE("divergences of the same images are compared in pairs, whatever their order") {
    RunRecord second = test::sample_run();
    for (double& kl : second.quantized->kl) kl += 0.25;
    second.quantized->kl[1] += 0.25;
    const auto reverse = [](auto& column) { std::ranges::reverse(column); };
    reverse(second.quantized->image);
    reverse(second.quantized->label);
    reverse(second.quantized->prediction);
    reverse(second.quantized->kl);
    const auto comparison = compare_runs(test::sample_run(), second);
    const auto& divergence = comparison.accuracies[1].divergence;
    REQUIRE(divergence);
    CHECK(divergence->first.value == Approx(0.3));
    CHECK(divergence->second.value == Approx(0.6));
    CHECK(divergence->difference.value == Approx(0.3));
    // Differences 0.25, 0.5, 0.25, 0.25, 0.25.
    CHECK(divergence->difference.standard_error == Approx(0.05));
    CHECK(divergence->p_value == Approx(std::erfc(6 / std::sqrt(2.0))));
    CHECK_THAT(describe_comparison(comparison),
               ContainsSubstring("second − first, by image: +0.3000 ± 0.0500"));
    second.quantized->kl.clear();
    CHECK_FALSE(compare_runs(test::sample_run(), second).accuracies[1].divergence);
    const auto itself = compare_runs(test::sample_run(), test::sample_run());
    CHECK(itself.accuracies[1].divergence->p_value == 1);
}

TEST_CASE("accuracies on the same images in any order are tested in pairs") {
    RunRecord second = test::sample_run();
    // Images a, b right as in full precision, c and d wrong: against (a, c right) of the first run.
    second.quantized->prediction = {0, 0, 9, 4, 5};
    for (auto* column : {&second.quantized->label, &second.quantized->prediction}) {
        std::reverse(column->begin(), column->end());
    }
    std::reverse(second.quantized->image.begin(), second.quantized->image.end());
    const AccuracyComparison quantized = compare_runs(test::sample_run(), second).accuracies.at(1);
    REQUIRE(quantized.paired.has_value());
    CHECK(quantized.paired->only_first_right == 1);
    CHECK(quantized.paired->only_second_right == 1);
    CHECK(quantized.differing_predictions == 2);
}

TEST_CASE("accuracies on other images are not tested in pairs") {
    RunRecord second = test::sample_run();
    SECTION("another image") { second.quantized->image[2] = "n01443537/z.JPEG"; }
    SECTION("another label") {
        second.quantized->label[2] = 7;
        second.provenance.evaluation_images = std::string(64, 'f');
    }
    SECTION("no images") { second.quantized.reset(); }
    const RunComparison comparison = compare_runs(test::sample_run(), second);
    CHECK_FALSE(comparison.accuracies.at(1).paired.has_value());
    CHECK_THAT(describe_comparison(comparison), ContainsSubstring("so no paired test"));
}
