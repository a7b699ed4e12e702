#include "sweep/last_job.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "points/point_status.hpp"
#include "support/local_slurm.hpp"
#include "sweep/batch_script.hpp"
#include "sweep/finish_sweep.hpp"
#include "sweep/programs.hpp"
#include "sweep/task_times.hpp"

using namespace comq;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/** How the first point of a set is whose task 7_0 printed `log` and ended with a code, if any. */
PointStatus after_task(const std::string& log, std::optional<int> code) {
    const test::SweepFolder folder;
    const PointSet set = folder.open("grid: {seed: [0]}\n");
    prepare_folder(set, {0});
    const fs::path file = point_files::logs(set) / "7_0.log";
    std::ofstream(file) << log;
    if (code) write_outcome(set, set.points[0], {*code, file});
    const SlurmTask task{.job = "7_0", .state = {}, .reason = {}, .log = file};
    return status_of(set, set.points[0], {{set.points[0].id, task}});
}

std::string cancelled(const std::string& why) {
    return "slurmstepd-n1: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00" + why +
           " ***\n";
}

}  // namespace

TEST_CASE("points that a signal, a node or a time limit ended are worth another attempt") {
    CHECK(after_task("info: x\n", 137).killed);
    CHECK(after_task("info: x\n", 75).killed);
    CHECK(after_task("info: x\n", {}).killed);
    CHECK(after_task(cancelled(" DUE TO TIME LIMIT"), {}).killed);
    CHECK(after_task(cancelled(" DUE TO NODE FAILURE, SEE SLURMCTLD LOG"), {}).killed);
    CHECK(after_task(cancelled(" DUE TO PREEMPTION"), 75).killed);
    // The next attempt would end in the same way, or nobody wants it.
    CHECK_FALSE(after_task("error: no such network\n", 2).killed);
    CHECK_FALSE(after_task("slurmstepd: error: Detected 1 oom_kill event\n", 137).killed);
    CHECK_FALSE(after_task(cancelled(""), 75).killed);
    CHECK_FALSE(after_task(cancelled(""), {}).killed);
}

TEST_CASE("the last job asks for one core, and takes of the settings what is not of points") {
    const test::SweepFolder folder;
    PointSet set = folder.open(
        "grid: {seed: [0]}\n"
        "slurm: {cpus: 8, memory: 60G, gres: gpu:1, time: estimate, partition: short,\n"
        "        account: lab, options: [--qos=long], setup: [module load hdf5],\n"
        "        last: {mail: me@lab}}\n");
    CHECK(wants_last_job(set.slurm));
    const auto script = last_script(set, {"/opt/run_sweep", "a b.yaml", "--finish", "0"});
    for (const char* line :
         {"--job-name=some_sweep-last", "--cpus-per-task=1", "--partition=short", "--account=lab",
          "--qos=long", "--mail-user=me@lab", "--mail-type=END,FAIL"}) {
        CHECK_THAT(script, ContainsSubstring(fmt::format("#SBATCH {}\n", line)));
    }
    for (const char* option : {"--mem", "--gres", "--time", "--array"}) {
        CHECK(script.find(option) == std::string::npos);
    }
    CHECK_THAT(script, ContainsSubstring("{ module load hdf5\n} || setup_failed ") &&
                           ContainsSubstring("exec /opt/run_sweep 'a b.yaml' --finish 0\n"));
    set.slurm.last = {};
    CHECK_FALSE(wants_last_job(set.slurm));
    set.slurm.retries = 1;
    CHECK(wants_last_job(set.slurm));
}

TEST_CASE("tasks write down how long they had their cores") {
    const test::BatchScript script("touch $point.h5\n",
                                   "{ranks: 2, prefix: '\"$folder/../srun\"'}");
    std::ofstream(script.file("srun")) << "#!/bin/bash\nsleep 1\nexec \"$@\"\n";
    fs::permissions(script.file("srun"), fs::perms::owner_all);
    CHECK(script.run() == 0);
    const TaskTimes times = task_times(script.sweep());
    CHECK(times.tasks == 1);
    CHECK(times.wall_seconds >= 1.0);
    CHECK(times.core_hours == Approx(2 * times.wall_seconds / 3600));

    // One that was killed has ended when it last printed.
    const PointSet& set = script.sweep();
    const fs::path log = point_files::logs(set) / "8_3-x.log";
    std::ofstream(log) << "";
    const auto begun = std::chrono::system_clock::now() - 100s;
    fs::last_write_time(log, std::chrono::file_clock::from_sys(begun + 36s));
    std::ofstream(point_files::submissions(set) / "8_3.12.time") << fmt::format(
        "10 {}\n",
        std::chrono::duration_cast<std::chrono::seconds>(begun.time_since_epoch()).count());
    CHECK(task_times(set).tasks == 2);
    CHECK(task_times(set).core_hours - times.core_hours == Approx(0.1).epsilon(0.05));
}

TEST_CASE("the summary has what is not finished with its reason") {
    const test::SweepFolder folder;
    const PointSet set = folder.open("grid: {seed: [0, 1]}\n");
    prepare_folder(set, {0, 1});
    FinishedSweep finished;
    finished.statuses = {{.state = PointState::failed, .detail = "exit 2: no such network"},
                         {.state = PointState::finished}};
    const auto summary = write_summary(set, finished, 1, {"some.csv"});
    CHECK(summary["attempts"] == 2);
    CHECK(summary["counts"]["failed"] == 1);
    CHECK(summary["points"][0]["reason"] == "exit 2: no such network");
    CHECK(nlohmann::json::parse(test::text_of(set.folder / "summary.json")) == summary);
    const auto text = summary_text(set, summary);
    CHECK_THAT(text, ContainsSubstring(set.points[0].id) &&
                         ContainsSubstring("exit 2: no such network") &&
                         ContainsSubstring("2 points: 1 finished, 1 failed") &&
                         ContainsSubstring("some.csv"));
    CHECK(text.find(set.points[1].id) == std::string::npos);
}

TEST_CASE("a last job has what was killed run again, and makes the tables") {
    if (!test::LocalSlurm::possible()) {
        test::skip("assets", "Slurm (packages slurm-wlm and munge)");
        return;
    }
    const test::LocalSlurm slurm;
    const test::DemoSweep sweep(
        "grid: {quantization.bits: [2, 3]}\n"
        "slurm: {cpus: 1, options: [--oversubscribe], shared_first: false, retries: 1,\n"
        "        backoff: 1, last: {collect: true}}\n",
        "evaluation.images: 500");
    const auto points = open_sweep(sweep.file(), {}).points;
    const auto submitted = sweep.run("--launcher slurm", slurm.environment());
    INFO(submitted.output);
    REQUIRE(submitted.exit_code == 0);
    CHECK_THAT(submitted.output, ContainsSubstring("as job 1, job 2 follows"));
    REQUIRE(test::wait_until([&] { return test::process_of(points[0]) > 0; }, 60));
    CHECK(::kill(test::process_of(points[0]), SIGKILL) == 0);
    REQUIRE(test::wait_until([&] { return slurm.ask("squeue --noheader").empty(); }, 240));
    CHECK_THAT(sweep.status(slurm.environment()).output, ContainsSubstring("2 points: 2 finished"));
    const auto summary = nlohmann::json::parse(test::text_of(sweep.out() / "summary.json"));
    CHECK(summary["attempts"] == 2);
    CHECK(summary["tasks"] == 3);
    CHECK(summary["core_hours"] > 0.0);
    CHECK(fs::exists(sweep.out() / "demo.csv"));
}
