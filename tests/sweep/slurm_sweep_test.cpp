#include <signal.h>

#include <algorithm>
#include <fstream>

#include "results/run_journal.hpp"
#include "support/local_slurm.hpp"
#include "sweep/programs.hpp"
#include "sweep/sweep_spec.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

bool empties_queue(const test::LocalSlurm& slurm) {
    return test::wait_until([&] { return slurm.ask("squeue --noheader").empty(); }, 120);
}

/** Whether a stopped process has a signal to take once it goes on. */
bool awaits(pid_t process, int signal) {
    std::ifstream status(fmt::format("/proc/{}/status", process));
    std::string word;
    while (status >> word && word != "ShdPnd:") {
    }
    uint64_t pending = 0;
    status >> std::hex >> pending;
    return (pending >> (signal - 1)) & 1;
}

/** Whether a part of the point is on disk, which is what makes a task worth requeueing. */
bool got_on(const Point& point) {
    const fs::path parts = RunJournal::folder_of(point.result());
    return fs::exists(parts) &&
           std::any_of(fs::directory_iterator(parts), {}, [](const fs::directory_entry& entry) {
               return entry.path().extension() == ".safetensors";
           });
}

}  // namespace

TEST_CASE("a sweep under Slurm survives a killed, a cancelled and a requeued task") {
    if (!test::LocalSlurm::possible()) {
        test::skip("assets", "Slurm (packages slurm-wlm and munge)");
        return;
    }
    const test::LocalSlurm slurm;
    // 0 is killed, 1 is warned as at a time limit, 2 is cancelled.
    const test::DemoSweep sweep(
        "grid: {quantization.bits: [2, 3, 4, 8]}\n"
        "slurm: {concurrent: 3, cpus: 1, options: [--oversubscribe]}\n",
        "evaluation.images: 1000");
    const auto points = open_sweep(sweep.file(), {}).points;
    const auto run = [&](const std::string& arguments) {
        return sweep.run("--launcher slurm " + arguments, slurm.environment());
    };

    const auto submitted = run("");
    INFO(submitted.output);
    REQUIRE(submitted.exit_code == 0);
    CHECK_THAT(submitted.output, ContainsSubstring("4 points submitted as job 1"));
    CHECK_THAT(run("").output, ContainsSubstring("nothing to run"));

    REQUIRE(test::wait_until([&] { return test::process_of(points[0]) > 0; }, 60));
    CHECK(::kill(test::process_of(points[0]), SIGKILL) == 0);
    REQUIRE(test::wait_until([&] { return test::process_of(points[2]) > 0; }, 60));
    slurm.ask("scancel 1_2");
    // Stopped meanwhile, so that it can't finish before Slurm has warned it.
    REQUIRE(test::wait_until([&] { return got_on(points[1]); }, 120));
    const pid_t warned = test::process_of(points[1]);
    REQUIRE(warned > 0);
    CHECK(::kill(warned, SIGSTOP) == 0);
    slurm.ask("scancel --signal=USR1 --batch 1_1");
    CHECK(test::wait_until([&] { return awaits(warned, SIGUSR1); }, 60));
    CHECK(::kill(warned, SIGCONT) == 0);
    REQUIRE(empties_queue(slurm));
    const auto before = sweep.status(slurm.environment()).output;
    INFO(before);
    CHECK(sweep.logged("requeued to continue") == 1);
    CHECK_THAT(before, ContainsSubstring("2 finished") && ContainsSubstring("ended by signal 9"));
    const auto results = sweep.results();
    CHECK(results.size() == 2);

    CHECK_THAT(run("--only-failed").output, ContainsSubstring("2 points submitted as job "));
    REQUIRE(empties_queue(slurm));
    CHECK_THAT(sweep.status(slurm.environment()).output, ContainsSubstring("4 points: 4 finished"));
    for (const auto& [name, written] : results) CHECK(sweep.results().at(name) == written);
    CHECK(sweep.logged("comq-result") == 4);
    CHECK_THAT(sweep.run("--collect").output, ContainsSubstring("4 of 4 points"));
}

TEST_CASE("a sweep keeps to the limits of its Slurm") {
    if (!test::LocalSlurm::possible()) {
        test::skip("assets", "Slurm (packages slurm-wlm and munge)");
        return;
    }
    const test::LocalSlurm slurm("--set MaxArraySize=3 --cpus 2");
    const test::DemoSweep sweep(
        "grid: {quantization.bits: [2, 3, 4, 5, 6], quantization.method: [rtn]}\n"
        "slurm: {concurrent: 2}\n",
        "evaluation.images: 20");
    const auto refused = sweep.run("--launcher slurm slurm.cpus=3", slurm.environment());
    CHECK(refused.exit_code == 2);
    CHECK_THAT(refused.output, ContainsSubstring("slurm.cpus: no node has 3 cores"));

    // Arrays of at most 3 tasks, and 2 cores a task by default.
    const auto submitted = sweep.run("--launcher slurm", slurm.environment());
    INFO(submitted.output);
    CHECK_THAT(submitted.output, ContainsSubstring("5 points submitted as job 1, "));
    REQUIRE(empties_queue(slurm));
    CHECK_THAT(sweep.status(slurm.environment()).output, ContainsSubstring("5 points: 5 finished"));
    CHECK(sweep.logged("comq-result") == 5);
}
