#include <signal.h>

#include <algorithm>
#include <fstream>
#include <future>

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
        "slurm: {concurrent: 3, cpus: 1, options: [--oversubscribe], shared_first: false}\n",
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
        "slurm: {concurrent: 2, shared_first: false}\n",
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

TEST_CASE("what points share is computed by a job that they wait for") {
    if (!test::LocalSlurm::possible()) {
        test::skip("assets", "Slurm (packages slurm-wlm and munge)");
        return;
    }
    const test::LocalSlurm slurm;
    const test::DemoSweep sweep(
        "grid: {quantization.bits: [2, 3, 4]}\n"
        "slurm: {cpus: 1, options: [--oversubscribe]}\n");
    const auto submitted = sweep.run("--launcher slurm", slurm.environment());
    INFO(submitted.output);
    CHECK_THAT(submitted.output,
               ContainsSubstring("3 points submitted as job 2, after job 1, which computes"));
    REQUIRE(empties_queue(slurm));
    CHECK_THAT(sweep.status(slurm.environment()).output, ContainsSubstring("3 points: 3 finished"));
    // Each point has them from the cache, and one task alone read the images.
    CHECK(sweep.logged("info: statistics of 20 layers came from the cache") == 3);
    CHECK(sweep.logged("info: what runs share is in ") == 1);

    // Where that fails nothing is computed in vain, and the reason is told.
    const auto failing =
        sweep.run("--launcher slurm evaluation.expected_top1=5 grid.quantization.bits='[5, 6]'",
                  slurm.environment());
    INFO(failing.output);
    REQUIRE(failing.exit_code == 0);
    REQUIRE(empties_queue(slurm));
    const auto status = test::run_program(
        "sweep_status",
        sweep.file().string() + " evaluation.expected_top1=5 grid.quantization.bits='[5, 6]'",
        slurm.environment());
    CHECK_THAT(status.output, ContainsSubstring("2 points: 2 waiting") &&
                                  ContainsSubstring("could not compute what points share"));
}

TEST_CASE(
    "points that were cancelled in the queue, or that squeue doesn't tell of, have not failed") {
    if (!test::LocalSlurm::possible()) {
        test::skip("assets", "Slurm (packages slurm-wlm and munge)");
        return;
    }
    const test::LocalSlurm slurm;
    const test::DemoSweep sweep(
        "grid: {quantization.bits: [2, 3]}\n"
        "slurm: {cpus: 1, options: [--hold], shared_first: false}\n");
    // Two users at once: each point is submitted once.
    auto other = std::async(std::launch::async,
                            [&] { return sweep.run("--launcher slurm", slurm.environment()); });
    const auto one = sweep.run("--launcher slurm", slurm.environment());
    const auto two = other.get();
    INFO(one.output << two.output);
    CHECK(one.exit_code == 0);
    CHECK(two.exit_code == 0);
    CHECK(slurm.ask("squeue --noheader --array --format=%i") == "1_0\n1_1\n");
    // A squeue that fails, as where its controller is down.
    const auto lost = sweep.status("SLURM_CONF=/nowhere/slurm.conf");
    CHECK_THAT(lost.output, ContainsSubstring("2 points: 2 queued") &&
                                ContainsSubstring("squeue doesn't answer"));
    slurm.ask("scancel 1");
    REQUIRE(empties_queue(slurm));
    const auto cancelled = sweep.status(slurm.environment());
    CHECK_THAT(cancelled.output, ContainsSubstring("2 points: 2 waiting") &&
                                     ContainsSubstring("was cancelled before it began"));
}

TEST_CASE("jobs of another Slurm with the same numbers are not those of a sweep") {
    if (!test::LocalSlurm::possible()) {
        test::skip("assets", "Slurm (packages slurm-wlm and munge)");
        return;
    }
    const test::DemoSweep sweep(
        "grid: {quantization.bits: [2]}\nslurm: {cpus: 1, options: [--hold]}\n");
    {
        const test::LocalSlurm first;
        REQUIRE(sweep.run("--launcher slurm", first.environment()).exit_code == 0);
    }
    const test::LocalSlurm second;
    CHECK_THAT(second.ask("sbatch --hold --array=0-3 --wrap true"), ContainsSubstring("job 1"));
    CHECK_THAT(sweep.status(second.environment()).output, ContainsSubstring("1 points: 1 waiting"));
}
