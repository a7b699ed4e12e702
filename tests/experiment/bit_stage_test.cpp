#include <algorithm>
#include <set>

#include "core/errors.hpp"
#include "experiment/quantize_layer.hpp"
#include "experiment/run_plan.hpp"
#include "experiment/runs.hpp"
#include "experiment/stages/stages.hpp"
#include "networks/load.hpp"
#include "passes/logit_divergence.hpp"
#include "passes/pass_over.hpp"
#include "quantization/bit_allocation.hpp"
#include "results/figures.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

const std::string by_layer_error = "quantization.bits_criterion=layer_error";

std::vector<std::string> small(std::vector<std::string> more) {
    more.insert(more.begin(), {"calibration.images=64", "evaluation.images=100"});
    return more;
}

RunRecord run(const std::string& name, std::vector<std::string> more,
              const fs::path& folder = test::temporary_folder()) {
    return test::run_shipped(name, folder, small(std::move(more)));
}

double average_bits(const RunRecord& run) { return find_figure("average_code_bits")->value(run); }

double summed_error(const RunRecord& run) {
    return find_figure("mean_squared_relative_error")->value(run) *
           static_cast<double>(run.layers.size());
}

std::vector<int64_t> bits_of(const RunRecord& run) {
    std::vector<int64_t> bits;
    for (const auto& layer : run.layers) bits.push_back(layer.bits);
    return bits;
}

}  // namespace

TEST_CASE("chosen bits keep the budget and have a smaller summed error than equal bits") {
    const std::string name = GENERATE("demo_vit_4bit", "demo_cnn_4bit");
    const std::string method = "quantization.method=" + std::string(GENERATE("comq", "rtn"));
    const auto chosen = run(name, {"quantization.average_bits=3", by_layer_error, method});
    const auto equal = run(name, {"quantization.bits=3", method});
    CHECK(average_bits(chosen) <= 3.0);
    CHECK(average_bits(chosen) > 2.9);
    CHECK(summed_error(chosen) < 0.9 * summed_error(equal));
    const auto bits = bits_of(chosen);
    CHECK(std::set(bits.begin(), bits.end()).size() > 1);
}

TEST_CASE(
    "each layer's sensitivity is the divergence of a network in which it alone is quantized") {
    const std::string name = GENERATE("demo_vit_4bit", "demo_cnn_4bit");
    const std::vector<std::string> keys{"calibration.holdout=32", "quantization.bits=3"};
    auto measuring = keys;
    measuring.emplace_back("sensitivity.bits=[2, 3]");
    const auto measured = run(name, measuring);
    REQUIRE(measured.sensitivities.size() == 2 * measured.layers.size());
    // The same layer alone, by a rule, and its network seen by the held-out images as a whole.
    const std::string chosen = measured.layers[measured.layers.size() / 2].name;
    auto alone = keys;
    alone.push_back("quantization.layers=[{match: '" + chosen +
                    "', bits: 3}, {match: '*', quantize: false}]");
    const auto folder = test::temporary_folder();
    const auto by_rule = run(name, alone, folder);
    REQUIRE(by_rule.layers.size() == 1);
    const auto loaded = test::shipped_config(name, folder, small(alone));
    const auto original = load_model(loaded.config.model, torch::kCPU);
    const auto quantized = load_model(loaded.config.model, torch::kCPU);
    for (const auto& entry : quantized.network->layers()) {
        if (entry.layer->name() == chosen) install_weight(*entry.layer, by_rule.layers[0]);
    }
    const auto images = open_images(loaded.config);
    BadImages bad(0);
    const auto pass = test::pass_over(*images.calibration_source, loaded.config.model.name, 8, bad);
    const SideBySide walk(*original.network, *quantized.network, pass.over({}),
                          images.calibration.held_out, test::temporary_folder() / "spool",
                          "testing");
    const double expected = LogitDivergence(walk).measure();
    for (const SensitivityRecord& record : measured.sensitivities) {
        CHECK(record.kl >= 0.0);
        if (record.unit != chosen || record.bits != 3) continue;
        CHECK(record.kl == Approx(expected).epsilon(1e-3));  // logits of other batches, in fp32
    }
    // Nothing is left behind in the network.
    const auto unmeasured = run(name, keys);
    CHECK(unmeasured.quantized->kl == measured.quantized->kl);
}

TEST_CASE("bits chosen by predictions keep the budget, by layer and also on quantized inputs") {
    const auto chosen =
        run("demo_vit_4bit", {"calibration.holdout=32", "quantization.average_bits=3"});
    CHECK(average_bits(chosen) <= 3.0);
    CHECK(average_bits(chosen) > 2.9);
    CHECK(chosen.sensitivities.size() == 3 * chosen.layers.size());
    const auto bits = bits_of(chosen);
    CHECK(std::set(bits.begin(), bits.end()).size() > 1);
    const auto walked =
        run("demo_vit_4bit", {"calibration.holdout=32", "quantization.average_bits=3",
                              "calibration.inputs=quantized", "calibration.propagation=0.5"});
    CHECK(bits_of(walked) == bits);
}

TEST_CASE("blocks have a sensitivity of their own, and what it needs is said") {
    const auto blocks = run("demo_cnn_4bit", {"calibration.holdout=16", "sensitivity.bits=[2]",
                                              "sensitivity.unit=block"});
    CHECK(blocks.sensitivities.size() < blocks.layers.size());
    CHECK_THROWS_WITH(
        run("demo_cnn_4bit", {"sensitivity.bits=[2]"}),
        ContainsSubstring("sensitivity.bits") && ContainsSubstring("set calibration.holdout"));
    CHECK_THROWS_WITH(run("demo_cnn_4bit", {"quantization.average_bits=3"}),
                      ContainsSubstring("quantization.bits_criterion") &&
                          ContainsSubstring("set calibration.holdout, or "
                                            "quantization.bits_criterion=layer_error"));
    CHECK_THROWS_WITH(run("demo_cnn_4bit", {"calibration.holdout=16", "quantization.average_bits=3",
                                            "sensitivity.unit=block"}),
                      ContainsSubstring("sensitivity.unit=layer"));
}

TEST_CASE("rules keep their bits, and the others share what is left") {
    const auto chosen =
        run("demo_vit_4bit", {"quantization.average_bits=3.5", by_layer_error,
                              "quantization.layers=[{match: '*.mlp.fc1', bits: 2}]"});
    CHECK(average_bits(chosen) <= 3.5);
    for (const auto& layer : chosen.layers) {
        if (layer.name.ends_with("mlp.fc1")) CHECK(layer.bits == 2);
    }
    CHECK_THROWS_WITH(
        run("demo_vit_4bit", {"quantization.average_bits=2.5", by_layer_error,
                              "quantization.layers=[{match: '*.mlp.*', bits: 8}]"}),
        ContainsSubstring("quantization.average_bits") && ContainsSubstring("raise it"));
}

TEST_CASE("the same bits are chosen with a cache, little memory and any number of threads") {
    const std::vector<std::string> keys{"quantization.average_bits=2.8", by_layer_error};
    const auto plain = run("demo_cnn_4bit", keys);
    auto config = test::shipped_config("demo_cnn_4bit", test::temporary_folder(), small(keys));
    config.config.resources.memory_bytes = 400'000;
    config.config.resources.threads = 1;
    const auto split = run_experiment(config, {});
    CHECK(bits_of(split) == bits_of(plain));
    CHECK(cost_of_run(probe_run(config.config)).forward_passes > 1);
    config = test::shipped_config("demo_cnn_4bit", test::temporary_folder(), small(keys));
    config.config.resources.cache = test::temporary_folder();
    const auto cached = run_experiment(config, {});
    CHECK(bits_of(cached) == bits_of(plain));
    CHECK(cached.quantized->prediction == plain.quantized->prediction);
}

TEST_CASE("a resumed run takes the measured errors from the journal") {
    const auto folder = test::temporary_folder();
    const auto loaded = test::shipped_config(
        "demo_vit_4bit", folder, small({"quantization.average_bits=3", by_layer_error}));
    const auto whole = run_experiment(loaded, {});
    const std::string loud = whole.layers.back().name;
    {
        RunJournal journal = test::new_journal(loaded);
        // Other errors than are measured, to see where they come from.
        TensorMap errors;
        for (const auto& layer : whole.layers) {
            const double size = layer.name == loud ? 100.0 : 1.0;
            const std::vector<double> at{size, size / 16, size / 4096};
            errors[layer.name] = HostTensor::copy_of<double>(DType::f64, {3}, at);
        }
        journal.store_tensors(TensorSet::bit_errors, errors);
    }
    fs::remove(loaded.config.output.file);
    const auto resumed = run_experiment(loaded, {Leftover::resume, {}});
    CHECK(resumed.layers.back().bits > whole.layers.back().bits);
    CHECK(average_bits(resumed) <= 3.0);
    CHECK(std::ranges::none_of(
        resumed.stages, [](const StageRecord& stage) { return stage.name == "choose bits"; }));
}

TEST_CASE("a plan tells which bits are chosen") {
    const auto text =
        layers_text(plan_run(test::shipped_config("demo_vit_4bit", test::temporary_folder(),
                                                  {"quantization.average_bits=3.5", by_layer_error})
                                 .config));
    CHECK_THAT(text, ContainsSubstring("auto") && ContainsSubstring("3.5 on average"));
}
