#include <fmt/format.h>
#include <signal.h>

#include <fstream>

#include "results/run_journal.hpp"
#include "storage/atomic_file.hpp"
#include "storage/file_lock.hpp"
#include "support/local_slurm.hpp"
#include "sweep/batch_script.hpp"
#include "sweep/programs.hpp"
#include "sweep/slurm_queue.hpp"
#include "sweep/task_estimate.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

constexpr const char* three_at_a_time = "{points_per_task: 3}";

/** Notes its point, then does what is written for the n-th start of a program. */
std::string in_turn(const std::vector<std::string>& starts) {
    std::string program = "echo $point >>../ran\ncase $(wc -l <../ran) in\n";
    for (std::size_t i = 0; i < starts.size(); ++i) {
        program += fmt::format("{}) {} ;;\n", i + 1, starts[i]);
    }
    return program + "esac\n";
}

const std::string finishes = "touch $point.h5";

/** How a point of a packed task is that Slurm has in a state. */
PointStatus status_in(const PointSet& set, std::size_t i, const std::string& state) {
    const Point& point = set.points[i];
    const SlurmTask task{.job = "7_0",
                         .state = state,
                         .reason = "",
                         .log = point_files::logs(set) / ("7_0-" + point.id + ".log"),
                         .task_log = point_files::logs(set) / "7_0.log"};
    return status_of(set, point, {{point.id, task}});
}

}  // namespace

TEST_CASE("a packed task runs its points in turn, and a failing one stops none") {
    const test::BatchScript script(
        in_turn({finishes, "echo 'error: on purpose'; exit 3", finishes}), three_at_a_time, 3);
    CHECK(script.run() == 3);
    CHECK(fs::exists(script.result(0)));
    CHECK(fs::exists(script.result(2)));
    CHECK(script.outcome(0)->exit_code == 0);
    REQUIRE(script.outcome(1));
    CHECK(script.outcome(1)->exit_code == 3);
    const PointSet& set = script.sweep();
    CHECK(script.outcome(1)->log ==
          point_files::logs(set) / fmt::format("7_0-{}.log", set.points[1].id));
    const auto failed = status_in(set, 1, "");
    CHECK(failed.state == PointState::failed);
    CHECK(failed.detail == "exit 3: on purpose");
}

TEST_CASE("a packed task that is warned goes on with what is left, and tries no failure again") {
    const test::BatchScript script(
        in_turn({"exit 3", finishes,
                 "trap 'exit 75' TERM USR1; touch ../ready; while :; do sleep 0.02; done",
                 finishes}),
        three_at_a_time, 3);
    CHECK(script.run("USR1") == 0);
    CHECK(test::text_of(script.file("requeued")) == "requeue 7_0\n");
    // It began after others, so that nothing of it is finished is no fault of the time limit.
    CHECK_FALSE(script.outcome(2));
    const PointSet& set = script.sweep();
    CHECK(status_in(set, 0, "PENDING").state == PointState::failed);
    CHECK(status_in(set, 2, "PENDING").state == PointState::queued);

    CHECK(script.run() == 0);
    CHECK(fs::exists(script.result(2)));
    const auto ran = test::text_of(script.file("ran"));
    CHECK(ran == fmt::format("{}\n{}\n{}\n{}\n", set.points[0].id, set.points[1].id,
                             set.points[2].id, set.points[2].id));
}

TEST_CASE("a first point that a time limit leaves nothing of fails, and the next have their turn") {
    const test::BatchScript script(
        in_turn({"trap 'exit 75' TERM USR1; touch ../ready; while :; do sleep 0.02; done", finishes,
                 finishes}),
        three_at_a_time, 3);
    CHECK(script.run("USR1") == 0);
    CHECK(script.outcome(0)->exit_code == 1);
    CHECK(status_in(script.sweep(), 0, "PENDING").detail ==
          "exit 1: the time limit is too short to finish anything; raise slurm.time");
    CHECK(script.run() == 0);
    CHECK(fs::exists(script.result(1)));
    CHECK(fs::exists(script.result(2)));
}

TEST_CASE("a packed task that is cancelled begins no further point") {
    const test::BatchScript script(test::interruptible("layer.a.safetensors"), three_at_a_time, 3);
    CHECK(script.run("TERM") == 75);
    CHECK(script.outcome(0)->exit_code == 75);
    CHECK_FALSE(script.outcome(1));
    CHECK_FALSE(fs::exists(script.file("requeued")));
}

TEST_CASE("slurm.setup that fails is the reason of all points of a packed task") {
    const test::BatchScript script(finishes, "{points_per_task: 2, setup: [no_such_module]}", 2);
    CHECK(script.run() == 1);
    for (const std::size_t i : {0, 1}) {
        REQUIRE(script.outcome(i));
        CHECK(script.outcome(i)->exit_code == 1);
        CHECK(script.outcome(i)->log.filename() == "7_0.log");
    }
}

TEST_CASE("of the points of a running task one runs, and the rest wait or have ended") {
    const test::BatchScript script("", three_at_a_time, 3);
    const PointSet& set = script.sweep();
    write_outcome(set, set.points[0],
                  {3, point_files::logs(set) / ("7_0-" + set.points[0].id + ".log")});
    std::ofstream(point_files::begun(set, set.points[1])) << "";
    CHECK(status_in(set, 0, "RUNNING").state == PointState::failed);
    CHECK(status_in(set, 1, "RUNNING").state == PointState::running);
    CHECK(status_in(set, 2, "RUNNING").state == PointState::queued);
    CHECK_THAT(status_in(set, 2, "RUNNING").detail, ContainsSubstring("task 7_0: other points"));

    // Slurm's words about a task are in its own log.
    std::ofstream(point_files::logs(set) / "7_0.log")
        << "slurmstepd-n1: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO NODE "
           "FAILURE, SEE SLURMCTLD LOG FOR DETAILS ***\n";
    std::ofstream(point_files::logs(set) / ("7_0-" + set.points[1].id + ".log")) << "info: x\n";
    const auto lost = status_in(set, 1, "");
    CHECK(lost.state == PointState::failed);
    CHECK_THAT(lost.detail, ContainsSubstring("node failure"));
    const auto never = status_in(set, 2, "");
    CHECK(never.state == PointState::waiting);
    CHECK_THAT(never.detail, ContainsSubstring("ended before its turn: node failure"));
}

TEST_CASE("a submission knows how many points its tasks have") {
    const test::SweepFolder folder;
    const PointSet set =
        folder.open("grid: {seed: [0, 1, 2, 3, 4]}\nslurm: {points_per_task: 2}\n");
    fs::create_directories(point_files::submissions(set));
    const auto ids = [&](const std::vector<std::size_t>& points) {
        auto submission = new_submission(set, points, SlurmWork::points);
        keep_submission(set, submission);
        name_job(set, submission, "12");
        return slurm_tasks(set, QueueUnknown::warn);
    };
    const auto tasks = ids({0, 1, 2, 3, 4});
    CHECK(tasks.at(set.points[1].id).job == "12_0");
    CHECK(tasks.at(set.points[2].id).job == "12_1");
    CHECK(tasks.at(set.points[4].id).job == "12_2");
    CHECK(tasks.at(set.points[4].id).log.filename() == "12_2-" + set.points[4].id + ".log");
    CHECK(tasks.at(set.points[4].id).task_log.filename() == "12_2.log");
}

TEST_CASE("tasks ask for what the estimate says where they are told to") {
    SlurmSettings slurm;
    slurm.points_per_task = 10;
    slurm.lead_time = 60;
    slurm.estimate_factor = 2.0;
    const TaskEstimate estimate{.memory_bytes = 3 << 20, .longest = 30.0, .all = 600.0};
    CHECK_FALSE(asks_for_estimate(slurm));
    CHECK_FALSE(with_estimate(slurm, estimate).time);
    slurm.time = slurm.memory = by_estimate;
    CHECK(asks_for_estimate(slurm));
    CHECK(with_estimate(slurm, estimate).memory == "6M");
    CHECK(with_estimate(slurm, estimate).time == "12");  // 2 * 10 * 30 s + 60 s, and a minute
}

TEST_CASE("a dry run says what the tasks of an array need") {
    const test::DemoSweep sweep(
        "grid: {quantization.bits: [2, 3, 4], seed: [0, 1]}\n"
        "slurm: {cpus: 1, points_per_task: 4, time: '1:00:00', memory: estimate, "
        "shared_first: false}\n");
    const auto planned = sweep.run("--launcher slurm --dry-run");
    INFO(planned.output);
    CHECK(planned.exit_code == 0);
    CHECK_THAT(planned.output, ContainsSubstring("2 tasks of up to 4 points, 1 core each") &&
                                   ContainsSubstring("2.00 core hours asked for at most") &&
                                   ContainsSubstring("by the estimate of run_experiment") &&
                                   ContainsSubstring("#SBATCH --array=0-1\n"));
    const auto memory = planned.output.find("#SBATCH --mem=");
    REQUIRE(memory != std::string::npos);
    CHECK(planned.output.substr(memory).find("M\n") < 24);
}

TEST_CASE("a sweep in packed tasks survives a warned task and a killed point") {
    if (!test::LocalSlurm::possible()) {
        test::skip("assets", "Slurm (packages slurm-wlm and munge)");
        return;
    }
    const test::LocalSlurm slurm;
    const test::DemoSweep sweep(
        "grid: {quantization.bits: [2, 3, 4, 5, 6, 8]}\n"
        "slurm: {cpus: 1, points_per_task: 3, options: [--oversubscribe], shared_first: false}\n",
        "evaluation.images: 500");
    const auto points = open_sweep(sweep.file(), {}).points;
    const auto submitted = sweep.run("--launcher slurm", slurm.environment());
    INFO(submitted.output);
    REQUIRE(submitted.exit_code == 0);
    CHECK(slurm.ask("squeue --noheader --array --format=%i") == "1_0\n1_1\n");
    REQUIRE(test::wait_until([&] { return test::process_of(points[0]) > 0; }, 60));
    CHECK(::kill(test::process_of(points[0]), SIGKILL) == 0);
    REQUIRE(test::wait_until([&] { return test::process_of(points[4]) > 0; }, 120));
    slurm.ask("scancel --signal=USR1 --batch 1_1");
    REQUIRE(test::wait_until([&] { return slurm.ask("squeue --noheader").empty(); }, 240));
    const auto status = sweep.status(slurm.environment());
    INFO(status.output);
    CHECK_THAT(status.output, ContainsSubstring("6 points: 5 finished, 1 failed") &&
                                  ContainsSubstring("ended by signal 9"));
    CHECK(sweep.logged("comq-result") == 5);
}
