#include <csignal>

#include "support/child_process.hpp"
#include "sweep/programs.hpp"

using namespace comq;
namespace fs = std::filesystem;

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

    CHECK_THAT(sweep.run("--collect").output, ContainsSubstring("2 of 2 points"));
    CHECK(fs::exists(sweep.out() / "demo.csv"));
    CHECK(fs::exists(sweep.out() / "demo.hdf5"));
}

TEST_CASE("a failing point stops nothing but itself, and is told with its error") {
    const test::DemoSweep sweep(
        "points: [{model.name: no_such_network}, {quantization.method: none}]\n");
    const auto all = sweep.run("");
    INFO(all.output);
    CHECK(all.exit_code == 1);
    CHECK_THAT(all.output, ContainsSubstring("1 of 2 points failed") &&
                               ContainsSubstring("exit 2: ") &&
                               ContainsSubstring("no_such_network"));
    CHECK(sweep.results().size() == 1);
    const auto again = sweep.run("--only-failed --dry-run");
    CHECK_THAT(again.output, ContainsSubstring("1 to be run"));

    const test::DemoSweep fast(
        "points: [{model.name: no_such_network}, {quantization.method: none}]\n");
    const auto stopped = fast.run("--fail-fast");
    CHECK(stopped.exit_code == 1);
    CHECK_THAT(stopped.output, ContainsSubstring("1 failed, 1 waiting"));
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
    test::ChildProcess launcher({std::string(COMQ_PROGRAMS) + "/run_sweep", sweep.file().string(),
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
