#include <algorithm>
#include <fstream>
#include <future>
#include <vector>

#include "sweep/fake_slurm.hpp"
#include "sweep/programs.hpp"
#include "sweep/sweep_spec.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** A sweep of three points and a Slurm that may fail. */
struct Submitting {
    test::FakeSlurm slurm;
    test::DemoSweep sweep{
        "grid: {quantization.bits: [2, 3, 4]}\nslurm: {cpus: 1, shared_first: false}\n"};
    const std::set<std::string> three{"1_0", "1_1", "1_2"};

    ShellResult submit() const { return sweep.run("--launcher slurm", slurm.environment()); }
    std::string status() const { return sweep.status(slurm.environment()).output; }
};

}  // namespace

TEST_CASE("several users at once submit each point once") {
    const Submitting some;
    std::vector<std::future<ShellResult>> others;
    for (int i = 0; i < 3; ++i) {
        others.push_back(std::async(std::launch::async, [&] { return some.submit(); }));
    }
    int submitted = 0;
    for (auto& other : others) {
        const auto result = other.get();
        INFO(result.output);
        CHECK(result.exit_code == 0);
        submitted += result.output.find("3 points submitted as job 1") != std::string::npos;
    }
    CHECK(submitted == 1);
    CHECK(some.slurm.submissions() == 1);
    CHECK(some.slurm.queued() == some.three);
}

TEST_CASE("a job that sbatch does not answer for is found in the queue, and not submitted again") {
    const Submitting some;
    some.slurm.set("lost_answer");
    const auto first = some.submit();
    INFO(first.output);
    CHECK(first.exit_code == 0);
    CHECK_THAT(first.output, ContainsSubstring("sbatch did not answer") &&
                                 ContainsSubstring("3 points submitted as job 1"));
    CHECK_THAT(some.submit().output, ContainsSubstring("nothing to run"));
    CHECK(some.slurm.queued() == some.three);
    CHECK_THAT(some.status(), ContainsSubstring("3 queued") && ContainsSubstring("task 1_2"));
}

TEST_CASE("a request that got lost is an error, and the next run_sweep submits") {
    const Submitting some;
    some.slurm.set("lost_request");
    const auto lost = some.submit();
    INFO(lost.output);
    CHECK(lost.exit_code == 1);
    CHECK_THAT(lost.output,
               ContainsSubstring("sbatch refuses it") && ContainsSubstring("Socket timed out"));
    CHECK_THAT(some.status(), ContainsSubstring("3 waiting"));
    some.slurm.clear("lost_request");
    CHECK(some.submit().exit_code == 0);
    CHECK(some.slurm.queued() == some.three);
}

TEST_CASE("where neither sbatch nor squeue answers, the job is known once squeue does") {
    const Submitting some;
    some.slurm.set("lost_answer");
    some.slurm.set("down");
    const auto unsure = some.submit();
    INFO(unsure.output);
    CHECK(unsure.exit_code == 1);
    CHECK_THAT(unsure.output, ContainsSubstring("sbatch does not say whether it was taken"));
    CHECK_THAT(some.status(), ContainsSubstring("3 queued"));
    const auto again = some.submit();
    CHECK(again.exit_code == 1);
    CHECK_THAT(again.output, ContainsSubstring("squeue can't be asked"));
    CHECK(some.slurm.submissions() == 1);

    some.slurm.clear("down");
    CHECK_THAT(some.status(), ContainsSubstring("3 queued") && ContainsSubstring("task 1_0"));
    CHECK_THAT(some.submit().output, ContainsSubstring("nothing to run"));
    CHECK(some.slurm.queued() == some.three);
}

TEST_CASE("submissions of before jobs had tokens are known by their number") {
    const Submitting some;
    const auto points = open_sweep(some.sweep.file(), {}).points;
    fs::create_directories(some.sweep.out() / "slurm");
    std::ofstream list(some.sweep.out() / "slurm" / "7.points");
    for (const auto& point : points) list << point.id << "\n";
    list.close();
    some.slurm.add_to_queue("7_0|PENDING|Resources|(null)");
    some.slurm.add_to_queue("7_1|RUNNING|None|(null)");
    const auto status = some.status();
    INFO(status);
    CHECK_THAT(status, ContainsSubstring("1 running") && ContainsSubstring("1 queued") &&
                           ContainsSubstring("task 7_0: Resources") &&
                           ContainsSubstring("task 7_2 was cancelled before it began"));
    const auto rest = some.submit();
    INFO(rest.output);
    CHECK_THAT(rest.output, ContainsSubstring("1 points submitted as job 1"));
    CHECK(some.slurm.queued() == std::set<std::string>{"1_0", "7_0", "7_1"});
}
