#include "points/point_status.hpp"

#include <chrono>
#include <cmath>
#include <fstream>

#include "results/run_file.hpp"
#include "results/run_journal.hpp"
#include "results/sample_run.hpp"
#include "storage/file_lock.hpp"
#include "sweep/sweep_files.hpp"
#include "sweep/sweep_text.hpp"

using namespace comq;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/** A sweep of one point whose folder is there. */
struct OnePoint {
    test::SweepFolder folder;
    PointSet sweep = folder.open("grid: {seed: [0]}\n");
    const Point& point = sweep.points.front();
    fs::path log = point_files::logs(sweep) / "some.log";

    OnePoint() { prepare_folder(sweep, {0}); }
    void write_log(const std::string& text) const { std::ofstream(log) << text; }
    PointStatus status(const SlurmTask& task) const {
        return status_of(sweep, point, {{point.id, task}});
    }
    PointStatus status() const { return status_of(sweep, point); }
};

}  // namespace

TEST_CASE("a point is waiting, running, interrupted, failed and finished in turn") {
    const OnePoint one;
    CHECK(one.status().state == PointState::waiting);
    {
        const FileLock lock(one.point.result());
        CHECK(one.status().state == PointState::running);
        CHECK_THAT(one.status().detail, ContainsSubstring("process "));
    }
    fs::create_directory(RunJournal::folder_of(one.point.result()));
    CHECK(one.status().state == PointState::interrupted);

    one.write_log("info: x\nerror: no such network\ninfo:   bye\n");
    write_outcome(one.sweep, one.point, {75, one.log});
    CHECK(one.status().state == PointState::interrupted);
    write_outcome(one.sweep, one.point, {2, one.log});
    CHECK(one.status().state == PointState::failed);
    CHECK(one.status().detail == "exit 2: no such network");
    write_outcome(one.sweep, one.point, {137, one.log});
    CHECK_THAT(one.status().detail, ContainsSubstring("signal 9"));

    write_run_file(one.point.result(), test::sample_run());
    const auto finished = one.status();
    CHECK(finished.state == PointState::finished);
    CHECK(finished.top1.value == test::sample_run().quantized->top1);
    fs::resize_file(one.point.result(), 100);
    CHECK(one.status().state == PointState::failed);
    CHECK_THAT(one.status().detail, ContainsSubstring("delete the file"));
}

TEST_CASE("what Slurm knows decides until a task has ended") {
    const OnePoint one;
    SlurmTask task{"12_0", "PENDING", "Resources", one.log};
    CHECK(one.status(task).state == PointState::queued);
    CHECK(one.status(task).detail == "task 12_0: Resources");
    task.state = "RUNNING";
    one.write_log("calibration     3/10 images,   1.0/s\n");
    CHECK(one.status(task).state == PointState::running);
    CHECK(one.status(task).detail == "calibration 3/10 images, 1.0/s (task 12_0)");
    CHECK_FALSE(one.status(task).progress);
    one.write_log("info: hello\ncalibration     3/10 images,   1.0/s, 1 min 07 s left  \n");
    REQUIRE(one.status(task).progress);
    CHECK(one.status(task).progress->done == 3);
    CHECK(one.status(task).progress->seconds_left == 67);

    task.state.clear();
    const auto lost = [&](const std::string& words) {
        one.write_log("info: hello\n" + words);
        const auto status = one.status(task);
        CHECK(status.state == PointState::failed);
        return status.detail;
    };
    CHECK_THAT(lost("slurmstepd-n1: error: *** JOB 12 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE "
                    "TO TIME LIMIT ***\n"),
               ContainsSubstring("time limit; raise slurm.time"));
    CHECK_THAT(lost("slurmstepd: error: Detected 1 oom_kill event in StepId=12.batch.\n"),
               ContainsSubstring("out of memory"));
    CHECK_THAT(lost("slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***\n"),
               ContainsSubstring("task 12_0: cancelled"));
    CHECK_THAT(lost("module: command not found\n"),
               ContainsSubstring("ended without a word") &&
                   ContainsSubstring("(last: module: command not found)"));

    write_outcome(one.sweep, one.point, {75, one.log});
    CHECK(one.status(task).state == PointState::interrupted);
}

TEST_CASE("a task that ended before it began leaves a point as it was") {
    const OnePoint one;
    const SlurmTask gone{"12_0", "", "", one.log};
    CHECK(one.status(gone).state == PointState::waiting);
    CHECK(one.status(gone).detail == "task 12_0 was cancelled before it began");
    fs::create_directory(RunJournal::folder_of(one.point.result()));
    CHECK(one.status(gone).state == PointState::interrupted);
    write_outcome(one.sweep, one.point, {2, one.log});
    CHECK(one.status(gone).state == PointState::failed);
}

TEST_CASE("a point is not failed because squeue doesn't answer") {
    const OnePoint one;
    SlurmTask task{"12_0", "", "", one.log};
    task.known = false;
    for (const bool begun : {false, true}) {
        if (begun) one.write_log("info: hello\n");
        CHECK(one.status(task).state == PointState::queued);
        CHECK_THAT(one.status(task).detail, ContainsSubstring("squeue doesn't answer"));
    }
    {
        const FileLock lock(one.point.result());
        CHECK(one.status(task).state == PointState::running);
    }
    write_outcome(one.sweep, one.point, {2, one.log});
    CHECK(one.status(task).state == PointState::failed);
}

TEST_CASE("a point that a process here took up after its Slurm task is told by that process") {
    const OnePoint one;
    const SlurmTask gone{"12_0", "", "", one.log};
    one.write_log("slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***\n");
    const fs::path local = point_files::local_log(one.sweep, one.point);
    std::ofstream(local) << "calibration     3/10 images,   1.0/s\n";
    fs::last_write_time(local, fs::last_write_time(one.log) + 1min);
    {
        const FileLock lock(one.point.result());
        CHECK(one.status(gone).state == PointState::running);
        CHECK_THAT(one.status(gone).detail,
                   ContainsSubstring("calibration 3/10 images, 1.0/s (process "));
        const SlurmTask pending{"12_0", "PENDING", "Resources", one.log};
        CHECK_THAT(one.status(pending).detail, ContainsSubstring("(process "));
    }
    CHECK(one.status(gone).state == PointState::interrupted);
    CHECK_THAT(one.status(gone).detail, ContainsSubstring(one.point.id + ".log"));
    fs::create_directory(RunJournal::folder_of(one.point.result()));
    CHECK(one.status(gone).state == PointState::interrupted);
    CHECK(one.status(gone).detail == "what is finished is kept");

    fs::last_write_time(one.log, fs::last_write_time(local) + 1min);
    CHECK(one.status(gone).state == PointState::failed);
    CHECK_THAT(one.status(gone).detail, ContainsSubstring("task 12_0: cancelled"));
}

TEST_CASE("preparing a folder forgets how the chosen points ended before") {
    const OnePoint one;
    write_outcome(one.sweep, one.point, {1, one.log});
    CHECK(read_outcome(one.sweep, one.point)->exit_code == 1);
    prepare_folder(one.sweep, {0});
    CHECK_FALSE(read_outcome(one.sweep, one.point));
    CHECK(fs::exists(point_files::config(one.sweep, one.point)));
}

TEST_CASE("the resolved config of a point gives the same point again") {
    const OnePoint one;
    const auto loaded = load_config(point_files::config(one.sweep, one.point));
    CHECK(loaded.config.output.file == one.point.result());
    CHECK(loaded.config.resources.cache == one.folder.path() / "out" / "cache");
}

TEST_CASE("only points that were begun are failed ones") {
    CHECK(to_be_run(PointState::waiting, false));
    CHECK_FALSE(to_be_run(PointState::waiting, true));
    for (const bool only_failed : {false, true}) {
        CHECK(to_be_run(PointState::failed, only_failed));
        CHECK(to_be_run(PointState::interrupted, only_failed));
        CHECK_FALSE(to_be_run(PointState::finished, only_failed));
        CHECK_FALSE(to_be_run(PointState::running, only_failed));
        CHECK_FALSE(to_be_run(PointState::queued, only_failed));
    }
}

TEST_CASE("the table names what varies by its last word where that is enough") {
    const test::SweepFolder folder;
    const auto sweep = folder.open(
        "zip: {calibration.images: [8, 16], evaluation.images: [8, 16]}\n"
        "grid: {quantization.bits: [3]}\n");
    const auto table = status_table(sweep, status_of(sweep));
    CHECK_THAT(table, ContainsSubstring("calibration.images  evaluation.images  bits"));
    CHECK_THAT(table, ContainsSubstring("2 points: 2 waiting"));
}

TEST_CASE("the time that is left follows from those that are finished and how many run at a time") {
    const auto status = [](PointState state, double seconds = not_measured) {
        return PointStatus{.state = state, .seconds = seconds};
    };
    std::vector<PointStatus> all{
        status(PointState::finished, 100), status(PointState::finished, 200),
        status(PointState::queued),        status(PointState::queued),
        status(PointState::queued),        status(PointState::waiting)};
    CHECK(std::isnan(seconds_left(all)));
    CHECK(summary_line(all) == count_line(all));
    for (const char* task : {"1_0", "1_1"}) {
        all.push_back(status(PointState::running));
        all.back().job = task;
    }
    CHECK(seconds_left(all) == Approx(150.0 * 4 / 2));
    CHECK_THAT(summary_line(all), ContainsSubstring("; about 5 min 00 s left"));
    // A run_sweep of this machine comes to what waits or was interrupted, but not to what failed.
    all.back().job.clear();
    all.push_back(status(PointState::interrupted));
    all.push_back(status(PointState::failed));
    CHECK(seconds_left(all) == Approx(150.0 * 6 / 2));
}
