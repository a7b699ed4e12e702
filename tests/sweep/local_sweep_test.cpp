#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "core/child_process.hpp"
#include "networks/exported_programs.hpp"
#include "support/assets.hpp"
#include "sweep/launch_points.hpp"
#include "sweep/programs.hpp"
#include "sweep/sweep_files.hpp"
#include "sweep/sweep_spec.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** The first point fails at run time: its network is not the expected one. */
constexpr const char* failing_and_passing =
    "points: [{evaluation.expected_top1: 5}, {quantization.method: none}]\n";

}  // namespace

TEST_CASE("a local sweep runs every point once, shares its statistics, and is collected") {
    const test::DemoSweep sweep("grid: {quantization.bits: [3, 4]}\n");
    const auto first = sweep.run("local.jobs=2");
    INFO(first.output);
    REQUIRE(first.exit_code == 0);
    CHECK_THAT(first.output, ContainsSubstring("2 points: 2 finished"));
    const auto results = sweep.results();
    CHECK(results.size() == 2);
    // Twice, when the one that waits finds only some of them written.
    CHECK(sweep.logged("info: statistics of") >= 1);

    CHECK_THAT(sweep.run("").output, ContainsSubstring("nothing to run"));
    CHECK(sweep.results() == results);
    CHECK_THAT(sweep.status().output, ContainsSubstring("2 points: 2 finished"));
    const auto more = sweep.run("grid.quantization.bits='[2, 3, 4]' --dry-run");
    CHECK_THAT(more.output, ContainsSubstring("1 to be run") && ContainsSubstring("--resume"));
    const auto named = sweep.run("grid.quantization.bits='[2]' resources.threads=7 --dry-run");
    CHECK_THAT(named.output, ContainsSubstring("--resume --threads 7\n"));
    const auto shared =
        sweep.run("grid.quantization.bits='[2]' resources.threads=7 local.threads=3 --dry-run");
    CHECK_THAT(shared.output, ContainsSubstring("--resume --threads 3\n"));

    CHECK_THAT(sweep.run("--collect").output, ContainsSubstring("2 of 2 points"));
    CHECK(fs::exists(sweep.out() / "demo.csv"));
    CHECK(fs::exists(sweep.out() / "demo.hdf5"));
    const auto named_table = sweep.out() / "tables" / "bits.csv";
    CHECK(sweep.run("--collect -o " + named_table.string()).exit_code == 0);
    CHECK(fs::exists(named_table));
    CHECK(fs::exists(sweep.out() / "tables" / "bits.hdf5"));
    CHECK(sweep.run("-o " + named_table.string()).exit_code == 2);
}

TEST_CASE("networks of a sweep may be programs, each with its statistics") {
    COMQ_NEED_PROGRAMS(programs);
    const test::DemoSweep sweep(
        fmt::format("grid:\n  model.program: [{0}/residual.pt2, {0}/transformer.pt2]\n"
                    "  quantization.bits: [3, 4]\n",
                    programs.string()));
    const auto all = sweep.run("model.name=null evaluation.allow_chance=true local.jobs=2");
    INFO(all.output);
    REQUIRE(all.exit_code == 0);
    CHECK(sweep.results().size() == 4);
    const auto table = sweep.run("model.name=null evaluation.allow_chance=true --collect");
    CHECK_THAT(table.output, ContainsSubstring("4 of 4 points"));
    const std::string rows = test::text_of(sweep.out() / "demo.csv");
    CHECK_THAT(rows, ContainsSubstring("residual") && ContainsSubstring("transformer"));
}

TEST_CASE("a failing point stops nothing but itself, and is told with its error") {
    const test::DemoSweep sweep(failing_and_passing);
    const auto all = sweep.run("");
    INFO(all.output);
    CHECK(all.exit_code == 1);
    CHECK_THAT(all.output, ContainsSubstring("1 of 2 points failed") &&
                               ContainsSubstring("exit 4: full-precision Top-1 is ") &&
                               ContainsSubstring("evaluation.expected_top1 says 5.00%"));
    CHECK(sweep.results().size() == 1);
    const auto again = sweep.run("--only-failed --dry-run");
    CHECK_THAT(again.output, ContainsSubstring("1 to be run"));

    const test::DemoSweep fast(failing_and_passing);
    const auto stopped = fast.run("--fail-fast");
    CHECK(stopped.exit_code == 1);
    CHECK_THAT(stopped.output, ContainsSubstring("1 failed, 1 waiting"));
}

TEST_CASE("a misspelt model is found before anything runs") {
    const test::DemoSweep sweep("grid: {model.name: [demo_vit, demo_vot]}\n");
    const auto refused = sweep.run("");
    INFO(refused.output);
    CHECK(refused.exit_code == 2);
    CHECK_THAT(refused.output, ContainsSubstring("demo.yaml:4: key 'model.name'") &&
                                   ContainsSubstring("(nearest known: 'demo_vit')"));
    CHECK_FALSE(fs::exists(sweep.out()));
}

TEST_CASE("a damaged result counts as a failure and is left out of the table") {
    const test::DemoSweep sweep("grid: {quantization.bits: [3, 4]}\n");
    REQUIRE(sweep.run("quantization.method=none").exit_code == 0);
    const auto damaged = sweep.out() / sweep.results().begin()->first;
    fs::resize_file(damaged, 100);
    const auto again = sweep.run("quantization.method=none");
    INFO(again.output);
    CHECK(again.exit_code == 1);
    CHECK_THAT(again.output, ContainsSubstring("1 of 2 points failed") &&
                                 ContainsSubstring("delete the file to compute it again"));
    const auto table = sweep.run("quantization.method=none --collect");
    CHECK(table.exit_code == 0);
    CHECK_THAT(table.output, ContainsSubstring("1 of 2 points") &&
                                 ContainsSubstring("delete the file to compute it again"));
}

TEST_CASE("a signal stops a local sweep cleanly, and the same command continues it") {
    const test::DemoSweep sweep("grid: {quantization.bits: [3, 4]}\n");
    ChildProcess launcher({std::string(COMQ_PROGRAMS) + "/run_sweep", sweep.file().string(),
                           "calibration.images=256"},
                          sweep.out().parent_path() / "sweep.log");
    REQUIRE(test::wait_until(
        [&] { return fs::exists(sweep.out()) && sweep.logged("info: full-precision") > 0; }, 60));
    launcher.signal(SIGINT);
    CHECK(launcher.wait() == 75);
    CHECK_THAT(sweep.run("calibration.images=256 --dry-run").output,
               ContainsSubstring("interrupted") && ContainsSubstring("2 to be run"));
    CHECK(sweep.run("calibration.images=256").exit_code == 0);
}

TEST_CASE("a point that is stopped before it can take a signal is interrupted, not failed") {
    const test::SweepFolder folder;
    const auto sweep = folder.open("grid: {seed: [0, 1]}\n");
    const fs::path program = folder.path() / "loads_for_ever";
    std::ofstream(program) << "#!/bin/sh\necho loading\nexec sleep 60\n";
    fs::permissions(program, fs::perms::owner_all);
    LaunchOptions options;
    options.program = program;
    const auto plan = plan_launch(sweep, options, true);
    std::atomic<bool> stop{false};
    std::thread user([&] {
        const auto log = point_files::local_log(sweep, sweep.points[0]);
        test::wait_until([&] { return fs::exists(log) && fs::file_size(log) > 0; }, 30);
        stop = true;
    });
    CHECK_THROWS_AS(launch_points(sweep, plan, options, stop), Interrupted);
    user.join();
    const auto statuses = status_of(sweep);
    CHECK(statuses[0].state == PointState::interrupted);
    CHECK(statuses[1].state == PointState::waiting);
}

TEST_CASE("a point that a signal of its own ended makes the sweep an interrupted one") {
    const test::DemoSweep sweep("grid: {quantization.bits: [3]}\n");
    const std::string images = "calibration.images=256";
    const auto point = open_sweep(sweep.file(), {images}).points.front();
    const auto log = sweep.out().parent_path() / "sweep.log";
    ChildProcess launcher(
        {std::string(COMQ_PROGRAMS) + "/run_sweep", sweep.file().string(), images}, log);
    REQUIRE(test::wait_until(
        [&] {
            return fs::exists(sweep.out() / "logs") && sweep.logged("info: full-precision") > 0;
        },
        60));
    const pid_t process = test::process_of(point);
    REQUIRE(process > 0);
    CHECK(::kill(process, SIGTERM) == 0);
    CHECK(launcher.wait() == 75);
    CHECK_THAT(test::text_of(log),
               ContainsSubstring("error: 1 of 1 points ended at a signal of their own; the same "
                                 "command continues them"));
    CHECK(sweep.run(images).exit_code == 0);
}
