#include "sweep/sweep_text.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include "results/run_file.hpp"
#include "results/sample_run.hpp"
#include "sweep/sweep_files.hpp"

using namespace comq;

TEST_CASE("JSON of a sweep has each point with its state, file, keys and reason") {
    const test::SweepFolder folder;
    const auto sweep = folder.open(
        "overrides: {calibration.holdout: 8}\n"
        "points:\n"
        "  - {quantization.method: rtn, quantization.average_bits: 2.5, repair.flips: false}\n"
        "  - {quantization.method: comq, quantization.average_bits: null}\n"
        "  - {quantization.method: comq, quantization.average_bits: null}\n");
    prepare_folder(sweep, {0, 1});
    write_run_file(sweep.points[0].result(), test::sample_run());
    const auto log = point_files::local_log(sweep, sweep.points[1]);
    std::ofstream(log) << "error: no such network\n";
    write_outcome(sweep, sweep.points[1], {2, log});
    const auto json = sweep_json(sweep, status_of(sweep));
    CHECK(json["counts"]["finished"] == 1);
    CHECK(json["counts"]["waiting"] == 0);
    const auto& finished = json["points"][0];
    CHECK(finished["state"] == "finished");
    CHECK(finished["file"] == sweep.points[0].result().string());
    CHECK(finished["overrides"]["quantization.method"] == "rtn");
    CHECK(finished["overrides"]["quantization.average_bits"] == 2.5);
    CHECK(finished["overrides"]["repair.flips"] == false);
    CHECK(finished["top1"] == test::sample_run().quantized->top1);
    CHECK(finished["reason"].is_null());
    const auto& failed = json["points"][1];
    CHECK(failed["state"] == "failed");
    CHECK(failed["reason"] == "exit 2: no such network");
    CHECK(failed["log"] == log.string());
    CHECK(failed["job"].is_null());
    CHECK(failed["top1"].is_null());
    CHECK(failed["overrides"]["quantization.average_bits"].is_null());
    CHECK(json["points"][2]["same_as"] == sweep.points[1].id);
}

TEST_CASE("JSON of a point under Slurm names its task and log") {
    const test::SweepFolder folder;
    const auto sweep = folder.open("grid: {seed: [0]}\n");
    const SlurmTask task{"12_0", "PENDING", "Resources", folder.path() / "12_0.log"};
    const auto json = sweep_json(sweep, status_of(sweep, {{sweep.points[0].id, task}}));
    CHECK(json["points"][0]["state"] == "queued");
    CHECK(json["points"][0]["job"] == "12_0");
    CHECK(json["points"][0]["reason"] == "task 12_0: Resources");
    CHECK(json["points"][0]["log"].is_null());
    CHECK(json["points"][0]["progress"].is_null());
}

TEST_CASE("JSON of a running point has the progress that its log tells of") {
    const test::SweepFolder folder;
    const auto sweep = folder.open("grid: {seed: [0]}\n");
    const SlurmTask task{"12_0", "RUNNING", "", folder.path() / "12_0.log"};
    std::ofstream(task.log)
        << "info: hello\nquantization     12/48 layers, 3.1/s, 12 s left  fc1\n";
    const auto json = sweep_json(sweep, status_of(sweep, {{sweep.points[0].id, task}}));
    const nlohmann::ordered_json expected{
        {"stage", "quantization"}, {"done", 12},        {"total", 48},
        {"unit", "layers"},        {"per_second", 3.1}, {"seconds_left", 12.0}};
    CHECK(json["points"][0]["progress"] == expected);
}
