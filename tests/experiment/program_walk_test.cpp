// Every choice that a config has, on small programs of all kinds of layers.
#include <algorithm>
#include <cmath>

#include "calibration/collect.hpp"
#include "experiment/runs.hpp"
#include "networks/exported_programs.hpp"
#include "quantization/method.hpp"
#include "results/run_file.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

Words overrides_of(const fs::path& programs, const std::string& name) {
    return {"model.name=null",         "model.program=" + (programs / (name + ".pt2")).string(),
            "evaluation.images=20",    "evaluation.allow_chance=true",
            "calibration.images=12",   "calibration.holdout=4",
            "calibration.batch_size=4"};
}

RunRecord run_program(const fs::path& programs, const std::string& name, const Words& more) {
    Words overrides = overrides_of(programs, name);
    overrides.insert(overrides.end(), more.begin(), more.end());
    return run_shipped("demo_cnn_4bit", temporary_folder(), std::move(overrides));
}

void check_errors_below(const RunRecord& run, double limit) {
    REQUIRE_FALSE(run.layers.empty());
    for (const LayerRecord& layer : run.layers) {
        INFO(layer.name);
        CHECK(layer.relative_error < limit);
        CHECK(layer.heldout_relative_error < limit);
    }
}

const Words all_programs{"residual", "transformer", "windows", "shared", "products", "axes"};

}  // namespace

TEST_CASE("every method and granularity quantizes every kind of a program's layers") {
    COMQ_NEED_PROGRAMS(programs);
    for (const auto& program : all_programs) {
        for (const auto& method : method_names()) {
            INFO(program << " by " << method);
            // Rows of the wrong weight, or in another order, would leave large errors.
            check_errors_below(
                run_program(programs, program,
                            {"quantization.method=" + method, "quantization.bits=8"}),
                0.05);
        }
        for (const std::string granularity : {"per_layer", "per_group"}) {
            INFO(program << " " << granularity);
            check_errors_below(run_program(programs, program,
                                           {"quantization.granularity=" + granularity,
                                            "quantization.bits=8", "quantization.group_size=4"}),
                               0.1);
        }
    }
}

TEST_CASE("every way to calibrate works on programs") {
    COMQ_NEED_PROGRAMS(programs);
    for (const auto& program : all_programs) {
        for (const Words& ways :
             {Words{"calibration.inputs=quantized"},
              Words{"calibration.inputs=quantized", "calibration.residual_targets=true"},
              Words{"calibration.inputs=quantized", "calibration.weighting=fisher"},
              Words{"calibration.weighting=fisher"}, Words{"calibration.rows_per_image=3"},
              Words{"calibration.transform=train"}}) {
            INFO(program << " " << ways.back());
            Words more{"quantization.bits=8"};
            more.insert(more.end(), ways.begin(), ways.end());
            check_errors_below(run_program(programs, program, more), 0.1);
        }
        INFO(program << " average");
        const auto mixed =
            run_program(programs, program,
                        {"quantization.average_bits=4", "quantization.bits_criterion=layer_error"});
        CHECK(mixed.layers.size() > 1);
        if (cpu_has_bfloat16()) {
            INFO(program << " in bfloat16");
            check_errors_below(
                run_program(programs, program,
                            {"calibration.precision=bfloat16", "quantization.bits=8"}),
                0.1);
        }
    }
}

TEST_CASE("every repair and rounding of inputs works on programs") {
    COMQ_NEED_PROGRAMS(programs);
    for (const auto& program : all_programs) {
        for (const Words& repairs :
             {Words{"repair.fold_batch_norm=true", "repair.bias_correction=true"},
              Words{"repair.reestimate_batch_norm=true"},
              Words{"repair.norm_refit=true", "repair.output_refit=true"},
              Words{"repair.norm_tuning=full_precision_logits", "repair.epochs=1"}}) {
            INFO(program << " " << repairs.front());
            const auto run = run_program(programs, program, repairs);
            CHECK(run.quantized->images == 20);
        }
        for (const std::string granularity : {"per_tensor", "per_channel", "per_token"}) {
            INFO(program << " inputs " << granularity);
            const auto run =
                run_program(programs, program,
                            {"activations.bits=8", "activations.granularity=" + granularity});
            CHECK(run.quantized->images == 20);
            if (granularity == "per_token") continue;
            CHECK(run.activations.size() == run.layers.size());
        }
    }
}

TEST_CASE("all calls of a shared layer count when layers see quantized inputs") {
    COMQ_NEED_PROGRAMS(programs);
    const Words rtn{"quantization.method=rtn"};
    const Words quantized{"quantization.method=rtn", "calibration.inputs=quantized",
                          "calibration.propagation=0"};
    const auto plain = run_program(programs, "shared", rtn);
    const auto walked = run_program(programs, "shared", quantized);
    REQUIRE(plain.layers.size() == walked.layers.size());
    for (std::size_t i = 0; i < plain.layers.size(); ++i) {
        INFO(plain.layers[i].name);
        // Errors are those of the same codes on the same full-precision rows.
        CHECK(std::abs(plain.layers[i].relative_error - walked.layers[i].relative_error) <
              1e-5 * plain.layers[i].relative_error);
    }
}

TEST_CASE("a program's statistics come from the cache the second time") {
    COMQ_NEED_PROGRAMS(programs);
    const fs::path cache = temporary_folder();
    const auto run = [&] {
        auto loaded =
            shipped_config("demo_cnn_4bit", temporary_folder(), overrides_of(programs, "products"));
        loaded.config.resources.cache = cache;
        return run_experiment(loaded, {});
    };
    const auto first = run(), second = run();
    const auto collected = [](const RunRecord& record) {
        return std::ranges::count(record.stages, std::string("calibrate"), &StageRecord::name);
    };
    CHECK(collected(first) == 1);
    CHECK(collected(second) == 0);
    REQUIRE(first.layers.size() == second.layers.size());
    for (std::size_t i = 0; i < first.layers.size(); ++i) {
        INFO(first.layers[i].name);
        CHECK(std::ranges::equal(first.layers[i].bit_code.bytes(),
                                 second.layers[i].bit_code.bytes()));
    }
}
