#include <algorithm>
#include <limits>
#include <set>

#include "calibration/gram_collector.hpp"
#include "experiment/known_names.hpp"
#include "experiment/layer_plan.hpp"
#include "experiment/run_plan.hpp"
#include "experiment/runs.hpp"
#include "experiment/stages/stages.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

TEST_CASE("every shipped config can be planned without its weights and images") {
    const auto configs = test::source_dir() / "configs";
    // Planning runs the network once: cells of one network differ in nothing that it could miss.
    std::set<std::string> planned;
    for (const char* folder : {"", "models"}) {
        for (const auto& entry : fs::directory_iterator(configs / folder)) {
            if (entry.path().extension() != ".yaml") continue;
            INFO(entry.path());
            auto loaded =
                load_config(entry.path(), {"calibration.batch_size=1"}, {known_names(), {configs}});
            // The network itself is a file of the user's.
            if (!loaded.config.model.program.empty()) continue;
            if (!planned.insert(loaded.config.model.name).second) {
                const auto network = find_model(loaded.config.model.name).make();
                CHECK_FALSE(plan_layers(*network, loaded.config.quantization).layers.empty());
                continue;
            }
            const auto plan = plan_run(loaded.config);
            CHECK_THAT(layers_text(plan), ContainsSubstring("layers are quantized"));
            CHECK_THAT(estimate_text(plan), ContainsSubstring("memory: about"));
        }
    }
    CHECK(planned.size() >= 18);
}

TEST_CASE("a plan is text for people and JSON for programs") {
    const auto plan = plan_run(
        test::shipped_config("demo_vit_4bit", test::temporary_folder(), {"quantization.bits=3"})
            .config);
    const std::string estimate = estimate_text(plan);
    CHECK(estimate.starts_with("memory: about "));
    CHECK_THAT(estimate,
               ContainsSubstring("\ndisk:   about ") && ContainsSubstring("\ntime:   about "));
    const auto json = plan_json(plan);
    CHECK(json["memory_bytes"] > 10'000'000);
    CHECK(json["disk_bytes"] > 0);
    CHECK(json["seconds"]["evaluation"].is_number());
    CHECK(json["config"]["quantization"]["bits"] == 3);
    REQUIRE(json["layers"].size() == plan.probe.plan.layers.size());
    CHECK(json["layers"][0]["bits"] == 3);
    CHECK(json["layers"][0]["shape"].size() == 2);
    const auto later = plan_run(test::shipped_config("demo_vit_4bit", test::temporary_folder(),
                                                     {"quantization.average_bits=3",
                                                      "quantization.bits_criterion=layer_error"})
                                    .config);
    CHECK(plan_json(later)["layers"][0]["bits"].is_null());
}

namespace {

/** The probe of a machine on which a forward pass of an image takes a second, and products none. */
Probe probe_with(const std::vector<std::string>& overrides) {
    auto probe = probe_run(
        test::shipped_config("demo_vit_4bit", test::temporary_folder(), overrides).config);
    probe.threads = 1;
    probe.forward_seconds = 1.0;
    probe.product_rate = std::numeric_limits<double>::infinity();
    return probe;
}

Seconds seconds_with(const std::vector<std::string>& overrides) {
    return cost_of_run(probe_with(overrides)).seconds;
}

}  // namespace

TEST_CASE("a run is a list of stages, and its cost is theirs") {
    const auto names = [](const std::vector<std::string>& overrides) {
        const auto loaded =
            test::shipped_config("demo_cnn_4bit", test::temporary_folder(), overrides);
        std::vector<std::string> all;
        for (const Stage* stage : stages_of(loaded.config)) all.emplace_back(stage->name);
        return all;
    };
    using Names = std::vector<std::string>;
    CHECK(names({"quantization.method=none"}) == Names{"evaluate full precision"});
    CHECK(names({}) == Names{"evaluate full precision", "quantize layers", "repair network",
                             "measure cumulative errors", "evaluate quantized"});
    CHECK(names({"repair.fold_batch_norm=true", "activations.bits=8", "quantization.average_bits=3",
                 "quantization.bits_criterion=layer_error"}) ==
          Names{"evaluate full precision", "prepare network", "find input ranges", "choose bits",
                "quantize layers", "repair network", "measure cumulative errors",
                "evaluate quantized"});
    CHECK(names({"calibration.inputs=quantized", "calibration.holdout=64"}) ==
          Names{"evaluate full precision", "quantize layer after layer", "repair network",
                "measure cumulative errors", "evaluate quantized"});
    CHECK(names({"calibration.holdout=64", "rotation.values=true", "sensitivity.bits=[2]",
                 "evaluation.layer_images=0"}) == Names{"evaluate full precision", "rotate network",
                                                        "measure sensitivity", "quantize layers",
                                                        "repair network", "evaluate quantized"});
    const auto probe = probe_with({"activations.bits=8"});
    Cost sum;
    for (const Stage* stage : stages_of(probe.config)) sum = sum + stage->cost(probe);
    CHECK(sum.seconds.sum() == cost_of_run(probe).seconds.sum());
}

TEST_CASE("a plan counts every pass over the images") {
    const std::string images = "calibration.images=100";
    CHECK(seconds_with({images}).calibration == 100.0);
    CHECK(seconds_with({images, "activations.bits=8"}).calibration == 200.0);
    CHECK(
        seconds_with({images, "activations.bits=8", "activations.range=percentile"}).calibration ==
        300.0);
    CHECK(seconds_with({images, "calibration.weighting=fisher"}).calibration == 400.0);
    CHECK(seconds_with({images, "activations.bits=8", "calibration.views=2"}).calibration == 400.0);
    // Layers are compared on 64 images in two networks.
    CHECK(seconds_with({"evaluation.images=50"}).evaluation == 100.0 + 2 * 64.0);
    CHECK(seconds_with({"evaluation.images=50", "evaluation.layer_images=0"}).evaluation == 100.0);
    CHECK(seconds_with({"evaluation.images=50", "quantization.method=none"}).evaluation == 50.0);
}

TEST_CASE("a plan counts what error propagation costs") {
    const std::vector<std::string> keys{"calibration.images=100", "calibration.holdout=60",
                                        "calibration.inputs=quantized"};
    const auto probe = probe_with(keys);
    const auto cost = cost_of_run(probe);
    // Four layers in each block but stem and head: five passes of two networks there.
    CHECK(cost.seconds.calibration > 160 * 4.0);
    CHECK(cost.seconds.calibration < 160 * 10.0);
    const auto plain = probe_with({"calibration.images=100", "calibration.holdout=60"});
    CHECK(cost.disk_bytes > cost_of_run(plain).disk_bytes);
    // 2.7 of four strengths for each of 20 layers, 60 images through half the network on average.
    CHECK(cost.seconds.solving == Approx(2.7 * probe.solve_seconds() + 2.7 * 20 * 30.0));
    auto twice = keys;
    twice.emplace_back("calibration.views=2");
    CHECK(seconds_with(twice).calibration == Approx(cost.seconds.calibration * 260 / 160));
    CHECK(seconds_with(twice).solving == cost.seconds.solving);
    auto given = keys;
    given.emplace_back("calibration.propagation=1");
    CHECK(seconds_with(given).solving == probe.solve_seconds());
}

TEST_CASE("a plan counts how often and by what layers are solved") {
    const double comq = seconds_with({"quantization.sweeps=4"}).solving;
    CHECK(comq > 0.0);
    CHECK(seconds_with({"quantization.sweeps=1"}).solving == comq / 4);
    CHECK(seconds_with({"quantization.method=gptq"}).solving == comq / 4);
    CHECK(seconds_with({"quantization.method=comq_plus"}).solving == 10 * comq);
    CHECK(seconds_with({"quantization.method=none"}).solving == 0.0);
    CHECK(seconds_with({"quantization.sweeps=4", "quantization.average_bits=3",
                        "quantization.bits_criterion=layer_error"})
              .solving == 4 * comq);
}

TEST_CASE("a plan counts what repairs cost") {
    const std::string images = "calibration.images=100";
    CHECK(seconds_with({images}).repair == 0.0);
    CHECK(seconds_with({images, "repair.bias_correction=true"}).repair == 100.0);
    CHECK(seconds_with({images, "repair.images=50", "repair.bias_correction=true"}).repair == 50.0);
    // The target, a forward and a backward pass.
    CHECK(seconds_with({images, "repair.norm_tuning=labels", "repair.epochs=2"}).repair == 800.0);
    const double outputs =
        seconds_with({images, "repair.output_refit=true", "calibration.holdout=64"}).repair;
    CHECK(outputs > 20 * 64 * 0.5);
    CHECK(seconds_with({images, "repair.output_refit=true", "repair.norm_refit=true",
                        "calibration.holdout=64"})
              .repair > outputs);
}

TEST_CASE("a plan counts the activations that repairs spool to disk") {
    const auto disk_with = [](const std::string& repair) {
        const auto probe = probe_with({"calibration.images=100", "calibration.holdout=20", repair});
        return cost_of_run(probe).disk_bytes;
    };
    const auto probe = probe_with({});
    const auto image = static_cast<int64_t>(sizeof(float)) * probe.largest_step_input;
    const auto none = disk_with("repair.bias_correction=true");
    CHECK(disk_with("repair.norm_refit=true") == none + 240 * image);
    CHECK(disk_with("repair.block_reconstruction=output_error") == none + 240 * image);
    CHECK(disk_with("repair.block_reconstruction=fisher") == none + 340 * image);
}

TEST_CASE("a plan's memory follows the largest layer, the solver and quantized inputs") {
    Probe probe = probe_with({"evaluation.layer_images=0"});
    const auto peak = [&] { return cost_of_run(probe).memory_bytes; };
    int64_t largest = 0, sum = 0;
    for (const auto& planned : probe.plan.layers) {
        const auto bytes = gram_bytes(*planned.entry.layer);
        largest = std::max(largest, bytes);
        sum += bytes;
    }
    CHECK(probe.program_bytes > 10'000'000);
    CHECK(plan_run(probe.config).cost.memory_bytes > peak() + 10'000'000);
    // A budget that no layer fits into leaves one layer at a time, and that one whole.
    ExperimentConfig& config = probe.config;
    config.resources.memory_bytes = 1;
    const auto one_by_one = peak();
    CHECK(one_by_one > largest * 3 / 2);
    config.quantization.method = "gptq";
    CHECK(peak() == one_by_one + 2 * largest);
    config.quantization.method = "comq";
    config.quantization.start = StartChoice::look_ahead;
    CHECK(peak() == one_by_one + 2 * largest);
    config.calibration.inputs = CalibrationInputs::quantized;
    CHECK(peak() > one_by_one + 2 * largest);
    config.calibration.inputs = CalibrationInputs::full_precision;
    config.resources.memory_bytes = int64_t{1} << 40;
    CHECK(peak() >= one_by_one - largest / 2 + sum / 2);
}
