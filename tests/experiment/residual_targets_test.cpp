#include <algorithm>
#include <cmath>

#include "calibration/gram_collector.hpp"
#include "calibration/residual_moment.hpp"
#include "experiment/quantize_layer.hpp"
#include "experiment/runs.hpp"
#include "networks/conv_norm.hpp"
#include "networks/layers.hpp"
#include "passes/pass_over.hpp"
#include "quantization/propagation.hpp"
#include "results/figures.hpp"
#include "support/catch.hpp"
#include "support/memory_source.hpp"

using namespace comq;

namespace {

using Words = std::vector<std::string>;

RunRecord residual_run(const std::string& network, const Words& more) {
    Words overrides{"quantization.bits=3",
                    "calibration.inputs=quantized",
                    "calibration.images=48",
                    "calibration.holdout=16",
                    "evaluation.images=100",
                    "calibration.propagation=0.5",
                    "calibration.residual_targets=true"};
    overrides.insert(overrides.end(), more.begin(), more.end());
    return test::run_shipped("demo_" + network + "_4bit", test::temporary_folder(), overrides);
}

RunRecord run_with_parts(const std::string& network, int parts, const Words& more = {}) {
    // On 100 images the KL has an error of 30%.
    Words all{"calibration.weighting=fisher", "quantization.bits=2", "evaluation.images=2000",
              "calibration.weighting_parts=" + std::to_string(parts)};
    all.insert(all.end(), more.begin(), more.end());
    return residual_run(network, all);
}

bool same_codes(const RunRecord& a, const RunRecord& b) {
    return std::ranges::equal(a.layers, b.layers, [](const auto& one, const auto& other) {
        return std::ranges::equal(one.bit_code.bytes(), other.bit_code.bytes()) &&
               std::ranges::equal(one.scale.bytes(), other.scale.bytes());
    });
}

/** x + branch(x) behind a stem: what the stem loses the branch sees all of. */
class ShortcutNet : public Network {
  public:
    ShortcutNet() {
        Conv2d stem(3, 8, Conv2dOptions{});
        Conv2d branch(8, 8, Conv2dOptions{});
        register_module("stem", stem);
        register_module("branch", branch);
        add_block("stem", {stem.ptr()}, Scope::quantized,
                  [stem](torch::Tensor x) mutable { return stem->forward(x); });
        add_block("branch", {branch.ptr()}, Scope::quantized, [branch](torch::Tensor x) mutable {
            branch->joins([&] { return ResidualSum{x}; });
            return x + branch->forward(x);
        });
        const torch::NoGradGuard no_gradient;
        torch::manual_seed(9);
        for (auto& parameter : parameters()) parameter.copy_(torch::randn_like(parameter));
    }
};

/** x + BatchNorm(convolution(x)), whose third channel the norm takes out. */
class NormedNet : public Network {
  public:
    NormedNet() {
        Conv2d convolution(3, 3, Conv2dOptions{.bias = false});
        BatchNorm2d norm(3);
        register_module("convolution", convolution);
        register_module("norm", norm);
        add_block("all", {convolution.ptr(), norm.ptr()}, Scope::quantized,
                  [convolution, norm](torch::Tensor x) mutable {
                      return joined_convolution(*convolution, *norm, x, x, Activation::none);
                  });
        const torch::NoGradGuard no_gradient;
        norm->weight().copy_(torch::tensor({2.0F, -0.5F, 0.0F}));
        norm->batch_statistics()->variance.fill_(0.25);
        eval();
    }
};

}  // namespace

TEST_CASE("a branch that sees what its stream has lost gives it back") {
    const ShortcutNet original, network;
    const test::MemorySource source(16, 32, 10, {});
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_vit", 4, bad);
    SideBySide walk(original, network, pass, {}, test::temporary_folder() / "spool", "testing");
    {
        const torch::NoGradGuard no_gradient;
        auto weight = network.layers()[0].layer->weight();
        torch::manual_seed(10);
        weight.add_(0.2 * torch::randn_like(weight));
    }
    walk.diverge();
    CHECK(walk.layers_in_sums().empty());
    walk.advance_to(1);
    CHECK(walk.layers_in_sums() == std::set<std::string>{"branch"});

    QuantizableLayer& branch = *network.layers()[1].layer;
    LayerStatistics statistics;
    PairedGramCollector pairs(branch);
    ResidualMomentCollector moment(branch);
    walk.for_each(walk.fitted(), [&](int64_t batch) {
        const torch::InferenceMode inference;
        for (const auto& seen : walk.inputs_and_streams("branch", batch)) {
            pairs.add(seen.input.quantized, seen.input.full_precision);
            moment.add(seen);
        }
    });
    pairs.take(statistic::paired_gram, statistic::gram, statistics);
    moment.take(statistics);

    const auto weight = host_weight(branch).clone();
    const auto method = make_method({});
    const auto pixels = test::pixels_of(pass);
    const auto error_with = [&](double residual) {
        const torch::NoGradGuard no_gradient;
        const auto found = solve_propagated(*method, "branch", view_of(weight, branch), statistics,
                                            8, {1.0, residual}, {});
        const auto levels = dequantize(found.solution.weight);
        branch.weight().copy_(
            torch::from_blob(const_cast<float*>(levels.data()), branch.weight().sizes()));
        const auto error = network.forward(pixels) - original.forward(pixels);
        branch.weight().copy_(weight.view(branch.weight().sizes()));
        return error.square().sum().item<double>();
    };
    const double without = error_with(0.0);
    CHECK(error_with(0.5) < 0.5 * without);
    CHECK(error_with(1.0) < 0.2 * without);
}

TEST_CASE("layers at the end of a branch have a strength, and with 0 the codes of a plain run") {
    const std::string network = GENERATE("vit", "cnn");
    const auto none = residual_run(network, {"calibration.residual_strength=0"});
    const auto plain = residual_run(network, {"calibration.residual_targets=false"});
    CHECK(same_codes(none, plain));
    const auto full = residual_run(network, {"calibration.residual_strength=1"});
    CHECK_FALSE(same_codes(full, plain));
    std::size_t in_sums = 0;
    for (const LayerRecord& layer : full.layers) {
        INFO(layer.name);
        const bool ends = layer.name.ends_with("attn.proj") || layer.name.ends_with("mlp.fc2") ||
                          layer.name.ends_with("conv2");
        CHECK(std::isnan(layer.residual_strength) == !ends);
        if (ends) CHECK(layer.residual_strength == 1.0);
        if (ends) ++in_sums;
        CHECK(layer.propagation == 0.5);
    }
    CHECK(in_sums == (network == "vit" ? 10 : 6));
    for (const LayerRecord& layer : plain.layers) CHECK(std::isnan(layer.residual_strength));
}

TEST_CASE("coupled output channels change codes, and no prediction with the number of threads") {
    const std::string network = GENERATE("vit", "cnn");
    const Words weighted{"calibration.residual_targets=false", "calibration.weighting=fisher"};
    const auto with = [&](const Words& more) {
        Words all = weighted;
        all.insert(all.end(), more.begin(), more.end());
        return residual_run(network, all);
    };
    const auto alone = with({});
    const auto coupled = with({"calibration.output_coupling=0.9"});
    CHECK_FALSE(same_codes(alone, coupled));
    CHECK(same_codes(coupled, with({"calibration.output_coupling=0.9", "resources.threads=1"})));
    CHECK(find_figure("kl")->value(coupled) < 1.2 * find_figure("kl")->value(alone));
}

TEST_CASE("parts of a layer's outputs are fitted to Grams of their own") {
    const std::string network = GENERATE("vit", "cnn");
    const auto one = run_with_parts(network, 1), four = run_with_parts(network, 4);
    CHECK_FALSE(same_codes(one, four));
    CHECK(same_codes(four, run_with_parts(network, 4, {"resources.threads=1"})));
    CHECK(find_figure("kl")->value(four) < 1.3 * find_figure("kl")->value(one));
}

TEST_CASE("channels are coupled within their part alone") {
    const std::string network = GENERATE("vit", "cnn");
    const Words coupled{"calibration.output_coupling=0.9"};
    const auto four = run_with_parts(network, 4, coupled);
    // The parts of the CNN are too small for it.
    CHECK(same_codes(four, run_with_parts(network, 4)) == (network == "cnn"));
    CHECK_FALSE(same_codes(four, run_with_parts(network, 1, coupled)));
}

TEST_CASE("Grams of parts of a layer's outputs are shared by runs on full-precision inputs") {
    const auto folder = test::temporary_folder();
    auto loaded = test::shipped_config(
        "demo_cnn_4bit", folder,
        {"calibration.images=48", "calibration.holdout=16", "evaluation.images=100",
         "calibration.weighting=fisher", "calibration.weighting_parts=4"});
    const auto fresh = run_experiment(loaded, {Leftover::refuse, {}});
    loaded.config.resources.cache = folder / "cache";
    for (const auto* name : {"first.h5", "second.h5"}) {
        loaded.config.output.file = folder / name;
        CHECK(same_codes(fresh, run_experiment(loaded, {Leftover::refuse, {}})));
    }
}

TEST_CASE("a stream is in units of the output before a BatchNorm, and 0 where that ignores it") {
    const NormedNet network;
    const test::MemorySource source(4, 32, 10, {});
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_vit", 4, bad);
    SideBySide walk(network, network, pass, {}, test::temporary_folder() / "spool", "testing");
    REQUIRE(walk.layers_in_sums() == std::set<std::string>{"convolution"});
    const auto seen = walk.inputs_and_streams("convolution", walk.fitted().front());
    REQUIRE(seen.size() == 1);
    const auto pixels = test::pixels_of(pass);
    const auto& stream = seen.front().stream.quantized;
    const double deviation = std::sqrt(0.25 + 1e-5);
    CHECK(torch::allclose(stream.select(1, 0), pixels.select(1, 0) * (deviation / 2.0)));
    CHECK(torch::allclose(stream.select(1, 1), pixels.select(1, 1) * (deviation / -0.5)));
    CHECK(torch::equal(stream.select(1, 2), torch::zeros_like(stream.select(1, 2))));
}

TEST_CASE("residual strengths are chosen, with the same bits on any number of threads") {
    const Words chosen{"calibration.propagation=null", "quantization.bits=2"};
    const auto with_threads = [&](int threads) {
        Words more = chosen;
        more.push_back("resources.threads=" + std::to_string(threads));
        return residual_run("vit", more);
    };
    const auto one = with_threads(1);
    CHECK(same_codes(one, with_threads(2)));
    for (const LayerRecord& layer : one.layers) {
        if (std::isnan(layer.residual_strength)) continue;
        CHECK(std::ranges::count(propagation_strengths, layer.residual_strength) == 1);
    }
}

TEST_CASE("residual targets go with row importance") {
    const auto weighted =
        residual_run("vit", {"calibration.residual_strength=1", "calibration.weighting=fisher"});
    const auto plain = residual_run("vit", {"calibration.residual_strength=1"});
    CHECK_FALSE(same_codes(weighted, plain));
}
