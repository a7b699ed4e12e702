#include "sweep/watch_sweep.hpp"
#include "core/child_process.hpp"
#include "support/assets.hpp"

#include <csignal>
#include <nlohmann/json.hpp>

#include "results/run_file.hpp"
#include "results/sample_run.hpp"
#include "sweep/programs.hpp"
#include "sweep/sweep_files.hpp"

using namespace comq;
using namespace std::chrono_literals;

TEST_CASE("a sweep is watched until nothing of it is left to run, or somebody stops") {
    const test::SweepFolder folder;
    const auto sweep = folder.open("grid: {seed: [0, 1]}\n");
    prepare_folder(sweep, {});
    const std::atomic<bool> stopped = true;
    CHECK(watch_sweep(sweep, 10s, stopped)[0].state == PointState::waiting);

    std::thread runs([&] {
        for (const auto& point : sweep.points) {
            const FileLock lock(point.result());
            std::this_thread::sleep_for(300ms);
            write_run_file(point.result(), test::sample_run());
        }
    });
    const std::atomic<bool> never = false;
    const auto statuses = watch_sweep(sweep, 50ms, never);
    runs.join();
    CHECK(statuses[0].state == PointState::finished);
    CHECK(statuses[1].state == PointState::finished);
}

TEST_CASE("sweep_status --watch prints counts as they change, then the table, and ends with 0") {
    const test::DemoSweep sweep("grid: {quantization.bits: [3, 4], quantization.method: [rtn]}\n");
    const auto log = sweep.out().parent_path() / "watch.log";
    ChildProcess watch(
        {std::string(COMQ_PROGRAMS) + "/sweep_status", sweep.file().string(), "--watch", "0.1"},
        log);
    const auto run = sweep.run("--json 2>/dev/null | cat");
    CHECK(watch.wait() == 0);
    const auto text = test::text_of(log);
    INFO(text);
    CHECK_THAT(text, ContainsSubstring("2 points: 2 waiting\n") &&
                         ContainsSubstring("2 points: 2 finished\n") &&
                         ContainsSubstring("Top-1 %"));
    const auto json = nlohmann::json::parse(run.output);
    CHECK(json["counts"]["finished"] == 2);
    CHECK(json["chosen"].size() == 2);

    const auto status = nlohmann::json::parse(
        test::run_program("sweep_status", sweep.file().string() + " --json").output);
    CHECK(status["points"][1]["state"] == "finished");
    CHECK(status["points"][1]["overrides"]["quantization.bits"] == 4);
    const auto plan =
        nlohmann::json::parse(sweep.run("grid.quantization.bits='[2, 3]' --dry-run --json").output);
    CHECK(plan["chosen"].size() == 1);
    CHECK(plan["command"].back().is_string());
    const auto table = nlohmann::json::parse(sweep.run("--collect --json").output);
    CHECK(table["points"][0]["label"] == "bits=3");
    CHECK(table["files"].size() == 2);
}

TEST_CASE("Ctrl-C ends the watching, not with an error") {
    const test::DemoSweep sweep("grid: {quantization.bits: [3, 4]}\n");
    const auto log = sweep.out().parent_path() / "watch.log";
    ChildProcess watch(
        {std::string(COMQ_PROGRAMS) + "/sweep_status", sweep.file().string(), "--watch"}, log);
    REQUIRE(test::wait_until(
        [&] { return test::text_of(log).find("2 waiting") != std::string::npos; }, 60));
    watch.signal(SIGINT);
    CHECK(watch.wait() == 0);
    CHECK_THAT(test::text_of(log), !ContainsSubstring("error"));
}
