#include <algorithm>
#include <set>

#include "calibration/gram_collector.hpp"
#include "experiment/known_names.hpp"
#include "experiment/layer_plan.hpp"
#include "experiment/run_plan.hpp"
#include "experiment/runs.hpp"
#include "experiment/workload.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

TEST_CASE("every shipped config can be planned without its weights and images") {
    const auto configs = test::source_dir() / "configs";
    // Planning runs the network once: cells of one network differ in nothing that it could miss.
    std::set<std::string> planned;
    for (const char* folder : {"", "published"}) {
        for (const auto& entry : fs::directory_iterator(configs / folder)) {
            if (entry.path().extension() != ".yaml") continue;
            INFO(entry.path());
            auto loaded =
                load_config(entry.path(), {"calibration.batch_size=1"}, {known_names(), {configs}});
            if (!planned.insert(loaded.config.model.name).second) {
                const auto network = find_model(loaded.config.model.name).make();
                CHECK_FALSE(plan_layers(*network, loaded.config.quantization).layers.empty());
                continue;
            }
            const auto plan = plan_run(loaded);
            CHECK_THAT(layers_text(plan), ContainsSubstring("layers are quantized"));
            CHECK_THAT(estimate_text(plan), ContainsSubstring("memory: about"));
        }
    }
    CHECK(planned.size() >= 18);
}

TEST_CASE("a plan is text for people and JSON for programs") {
    const auto plan = plan_run(
        test::shipped_config("demo_vit_4bit", test::temporary_folder(), {"quantization.bits=3"}));
    const std::string estimate = estimate_text(plan);
    CHECK(estimate.starts_with("memory: about "));
    CHECK_THAT(estimate,
               ContainsSubstring("\ndisk:   about ") && ContainsSubstring("\ntime:   about "));
    const auto json = plan_json(plan);
    CHECK(json["memory_bytes"] > 10'000'000);
    CHECK(json["disk_bytes"] > 0);
    CHECK(json["seconds"]["evaluation"].is_number());
    CHECK(json["config"]["quantization"]["bits"] == 3);
    REQUIRE(json["layers"].size() == plan.layers.layers.size());
    CHECK(json["layers"][0]["bits"] == 3);
    CHECK(json["layers"][0]["shape"].size() == 2);
    const auto later = plan_run(test::shipped_config("demo_vit_4bit", test::temporary_folder(),
                                                     {"quantization.average_bits=3"}));
    CHECK(plan_json(later)["layers"][0]["bits"].is_null());
}

namespace {

Workload workload_with(const std::vector<std::string>& overrides) {
    const auto loaded = test::shipped_config("demo_vit_4bit", test::temporary_folder(), overrides);
    const auto& model = find_model(loaded.config.model.name);
    const auto network = model.make();
    return measure_workload(*network, plan_layers(*network, loaded.config.quantization),
                            model.preprocessing, loaded.config, 1);
}

}  // namespace

TEST_CASE("a plan counts what gradients and error propagation cost") {
    const auto plain = workload_with({});
    CHECK(plain.calibration_forwards == 1.0);
    CHECK(plain.choice_forwards == 0.0);
    CHECK(workload_with({"calibration.weighting=fisher"}).calibration_forwards == 4.0);
    const auto propagated =
        workload_with({"calibration.inputs=quantized", "calibration.holdout=64"});
    // Four layers in each block but stem and head: five passes of two networks there.
    CHECK(propagated.calibration_forwards > 4.0);
    CHECK(propagated.calibration_forwards < 10.0);
    CHECK(propagated.disk_bytes > plain.disk_bytes);
    // Four strengths for each of 20 layers, 64 images through half the network on average.
    CHECK(propagated.choice_forwards == 4 * 20 * 32.0);
    CHECK(workload_with({"calibration.inputs=quantized", "calibration.propagation=1"})
              .choice_forwards == 0.0);
}

TEST_CASE("a plan counts how often and by what layers are solved") {
    const double comq = workload_with({"quantization.sweeps=4"}).solve_seconds;
    CHECK(comq > 0.0);
    CHECK(workload_with({"quantization.sweeps=1"}).solve_seconds == comq / 4);
    CHECK(workload_with({"quantization.method=gptq"}).solve_seconds == comq / 4);
    CHECK(workload_with({"quantization.method=comq_plus"}).solve_seconds == 16 * comq);
    CHECK(workload_with({"quantization.method=none"}).solve_seconds == 0.0);
    CHECK(workload_with({"quantization.sweeps=4", "quantization.average_bits=3"}).solve_seconds ==
          4 * comq);
    CHECK(workload_with(
              {"quantization.sweeps=4", "calibration.inputs=quantized", "calibration.holdout=64"})
              .solve_seconds == 4 * comq);
}

TEST_CASE("a plan counts what repairs cost") {
    const std::string images = "calibration.images=100";
    CHECK(workload_with({images}).repair_forwards == 0.0);
    CHECK(workload_with({images, "repair.bias_correction=true"}).repair_forwards == 100.0);
    CHECK(workload_with({images, "repair.images=50", "repair.bias_correction=true"})
              .repair_forwards == 50.0);
    // The target, a forward and a backward pass.
    CHECK(workload_with({images, "repair.norm_tuning=labels", "repair.epochs=2"}).repair_forwards ==
          800.0);
    const double outputs =
        workload_with({images, "repair.output_refit=true", "calibration.holdout=64"})
            .repair_forwards;
    CHECK(outputs > 20 * 64 * 0.5);
    CHECK(workload_with({images, "repair.output_refit=true", "repair.norm_refit=true",
                         "calibration.holdout=64"})
              .repair_forwards > outputs);
}

TEST_CASE("a plan's memory follows the largest layer, the solver and quantized inputs") {
    auto loaded = test::shipped_config("demo_vit_4bit", test::temporary_folder(), {});
    const auto& model = find_model(loaded.config.model.name);
    const auto network = model.make();
    const auto plan = plan_layers(*network, loaded.config.quantization);
    const auto peak = [&] {
        return measure_workload(*network, plan, model.preprocessing, loaded.config, 1).peak_bytes;
    };
    int64_t largest = 0, sum = 0;
    for (const auto& planned : plan.layers) {
        const auto bytes = gram_bytes(*planned.entry.layer);
        largest = std::max(largest, bytes);
        sum += bytes;
    }
    CHECK(measure_workload(*network, plan, model.preprocessing, loaded.config, 1).program_bytes >
          10'000'000);
    // A budget that no layer fits into leaves one layer at a time, and that one whole.
    loaded.config.resources.memory_bytes = 1;
    const auto one_by_one = peak();
    CHECK(one_by_one > largest * 3 / 2);
    loaded.config.quantization.method = "gptq";
    CHECK(peak() == one_by_one + 2 * largest);
    loaded.config.quantization.method = "comq";
    loaded.config.quantization.start = StartChoice::look_ahead;
    CHECK(peak() == one_by_one + 2 * largest);
    loaded.config.calibration.inputs = CalibrationInputs::quantized;
    CHECK(peak() > one_by_one + 2 * largest);
    loaded.config.calibration.inputs = CalibrationInputs::full_precision;
    loaded.config.resources.memory_bytes = int64_t{1} << 40;
    CHECK(peak() >= one_by_one - largest / 2 + sum / 2);
}
