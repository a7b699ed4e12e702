#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "experiment/runs.hpp"
#include "passes/activation_spool.hpp"
#include "results/figures.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

RunRecord propagated_run(const std::string& network, std::vector<std::string> overrides) {
    overrides.insert(overrides.end(), {"calibration.inputs=quantized", "calibration.images=64",
                                       "calibration.holdout=24", "evaluation.images=100"});
    return test::run_shipped("demo_" + network + "_4bit", test::temporary_folder(), overrides);
}

}  // namespace

TEST_CASE("the first layer of a propagated run is that of a plain one, later ones differ") {
    const std::string network = GENERATE("vit", "cnn");
    const auto plain = test::run_shipped("demo_" + network + "_4bit", test::temporary_folder(),
                                         {"calibration.images=64", "calibration.holdout=24",
                                          "evaluation.images=100", "quantization.bits=3"});
    const auto propagated =
        propagated_run(network, {"quantization.bits=3", "calibration.propagation=0.5"});
    REQUIRE(propagated.layers.size() == plain.layers.size());
    const auto same_codes = [&](std::size_t i) {
        return std::ranges::equal(plain.layers[i].bit_code.bytes(),
                                  propagated.layers[i].bit_code.bytes());
    };
    CHECK(same_codes(0));
    CHECK_FALSE(same_codes(plain.layers.size() - 1));
    for (const auto& layer : propagated.layers) {
        CHECK(layer.propagation == 0.5);
        CHECK(layer.relative_error < 1.0);
        CHECK(layer.heldout_relative_error < 1.0);
    }
    CHECK(std::isnan(plain.layers.front().propagation));
    // Errors are those on full-precision rows in both.
    CHECK(propagated.layers.front().rtn_relative_error ==
          Approx(plain.layers.front().rtn_relative_error).epsilon(1e-6));
}

TEST_CASE("without a strength each layer has one of the offered ones") {
    const std::string criterion = GENERATE("logits", "layer_output");
    const auto run = propagated_run(
        "vit", {"quantization.bits=2", "calibration.propagation_criterion=" + criterion});
    for (const auto& layer : run.layers) {
        CHECK((layer.propagation == 0.0 || layer.propagation == 0.25 || layer.propagation == 0.5 ||
               layer.propagation == 1.0));
    }
}

TEST_CASE("rows weighted by importance go with quantized inputs") {
    const std::string network = GENERATE("vit", "cnn");
    const std::vector<std::string> weighted{"quantization.bits=2", "calibration.weighting=fisher"};
    auto overrides = weighted;
    overrides.emplace_back("calibration.propagation=0.5");
    const auto propagated = propagated_run(network, overrides);
    overrides = weighted;
    overrides.insert(overrides.end(),
                     {"calibration.images=64", "calibration.holdout=24", "evaluation.images=100"});
    const auto plain =
        test::run_shipped("demo_" + network + "_4bit", test::temporary_folder(), overrides);
    const auto unweighted =
        propagated_run(network, {"quantization.bits=2", "calibration.propagation=0.5"});
    // The first layer sees the same rows with the same weights in both; rounding of the sums may
    // move a code that lies between two levels.
    const auto& first = propagated.layers.front();
    CHECK(first.relative_error == Approx(plain.layers.front().relative_error).epsilon(1e-3));
    CHECK(first.rtn_relative_error ==
          Approx(plain.layers.front().rtn_relative_error).epsilon(1e-6));
    CHECK_FALSE(
        std::ranges::equal(first.bit_code.bytes(), unweighted.layers.front().bit_code.bytes()));
    CHECK(propagated.layers.size() == plain.layers.size());
}

TEST_CASE("a second pass chooses between quantized layers, and goes on where it was") {
    const std::string network = GENERATE("vit", "cnn");
    const std::vector<std::string> keys{"quantization.bits=2", "calibration.images=64",
                                        "calibration.holdout=24", "calibration.inputs=quantized",
                                        "evaluation.images=100"};
    const std::string config = "demo_" + network + "_4bit";
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), keys.begin(), keys.end());
        return test::run_shipped(config, test::temporary_folder(), more);
    };
    const auto same_codes = [](const LayerRecord& one, const LayerRecord& other) {
        return std::ranges::equal(one.bit_code.bytes(), other.bit_code.bytes());
    };
    // On fewer images chance alone moves the distances of both by as much as is asked for.
    const std::string many = "evaluation.images=1000";
    const auto first = with({many});
    const auto second = with({many, "calibration.passes=2"});
    CHECK_FALSE(std::ranges::equal(first.layers, second.layers, same_codes));
    CHECK(find_figure("kl")->value(second) < 1.2 * find_figure("kl")->value(first));

    // With a strength given, every layer sees and finds what it did before.
    const auto given = with({"calibration.propagation=0.5"});
    const auto again = with({"calibration.propagation=0.5", "calibration.passes=2"});
    CHECK(std::ranges::equal(given.layers, again.layers, same_codes));

    // Of a first pass, what lies behind a layer that was lost does not judge it.
    const auto gap = test::temporary_folder();
    {
        auto journal = test::new_journal(test::shipped_config(config, gap, keys));
        for (std::size_t i = 0; i < first.layers.size(); ++i) {
            if (i != first.layers.size() / 2) journal.store_layer(first.layers[i]);
        }
    }
    const auto filled = test::run_shipped(config, gap, keys, Leftover::resume);
    CHECK(std::ranges::equal(filled.layers, first.layers, same_codes));

    auto twice = keys;
    twice.emplace_back("calibration.passes=2");
    const auto folder = test::temporary_folder();
    {
        auto journal = test::new_journal(test::shipped_config(config, folder, twice));
        for (std::size_t i = 0; i < first.layers.size(); ++i) {
            journal.store_layer(i < first.layers.size() / 2 ? second.layers[i] : first.layers[i]);
        }
    }
    const auto resumed = test::run_shipped(config, folder, twice, Leftover::resume);
    CHECK(std::ranges::equal(resumed.layers, second.layers, same_codes));
}

TEST_CASE("a spool gives back what was stored and leaves nothing behind") {
    const auto folder = test::temporary_folder() / "spool";
    fs::create_directories(folder);
    std::FILE* stale = std::fopen((folder / "full_precision-0").c_str(), "w");
    REQUIRE(stale != nullptr);
    std::fclose(stale);
    {
        ActivationSpool spool(folder);
        CHECK_FALSE(spool.contains("full_precision", 0));
        const auto activation = torch::randn({2, 3, 4}).transpose(0, 1);
        spool.store("full_precision", 0, torch::zeros({5}));
        spool.store("full_precision", 0, activation);
        CHECK(spool.contains("full_precision", 0));
        CHECK(torch::equal(spool.load("full_precision", 0), activation));
        fs::resize_file(folder / "full_precision-0", 4);
        CHECK_THROWS_AS(spool.load("full_precision", 0), Failure);
    }
    CHECK_FALSE(fs::exists(folder));
}
