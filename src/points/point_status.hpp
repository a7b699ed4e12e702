#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "points/logged_progress.hpp"
#include "points/point.hpp"
#include "results/figures.hpp"

namespace comq {

enum class PointState {
    waiting,      ///< never begun
    queued,       ///< submitted to Slurm, not begun or requeued
    running,      ///< some process, here or elsewhere, has its lock
    finished,     ///< its result is there
    interrupted,  ///< stopped or killed, with or without finished layers to continue from
    failed,       ///< ended with an error
    repeated,     ///< the same run as an earlier point's (Point::same_as)
};

/** From finished to waiting, as summaries count them. */
inline constexpr std::array<std::pair<PointState, std::string_view>, 7> point_states{
    {{PointState::finished, "finished"},
     {PointState::running, "running"},
     {PointState::queued, "queued"},
     {PointState::interrupted, "interrupted"},
     {PointState::failed, "failed"},
     {PointState::repeated, "repeated"},
     {PointState::waiting, "waiting"}}};
std::string_view name_of(PointState state);

struct PointStatus {
    PointState state = PointState::waiting;
    std::string detail{};           ///< what it is at, why it failed, where it waits; one line
    Measurement top1{};             ///< of a finished point: the last network it evaluated
    double seconds = not_measured;  ///< of its stages
    std::string job{};              ///< the Slurm task that has it, or had it last; else empty
    std::filesystem::path log{};    ///< what its last attempt printed; empty: there was none
    /** A signal, its node or a time limit ended the last attempt, so the next may go better. */
    bool killed = false;
    /** Of a running point whose log ends in a line of progress, that line. */
    std::optional<LoggedProgress> progress{};
};

/** Files of a set's folder beside the results themselves. */
namespace point_files {
std::filesystem::path config(const PointSet& set, const Point& point);   ///< resolved YAML
std::filesystem::path outcome(const PointSet& set, const Point& point);  ///< see Outcome
/** There while a task of Slurm is at the point. */
std::filesystem::path begun(const PointSet& set, const Point& point);
std::filesystem::path logs(const PointSet& set);
/** What the processes of this machine print that compute the point. */
std::filesystem::path local_log(const PointSet& set, const Point& point);
std::filesystem::path submissions(const PointSet& set);  ///< scripts and point lists of Slurm
}  // namespace point_files

/** How the last attempt at a point ended, as whoever started it wrote down. */
struct Outcome {
    int exit_code = 0;  ///< 128 + n: ended by signal n
    std::filesystem::path log;
};

void write_outcome(const PointSet& set, const Point& point, const Outcome& outcome);
std::optional<Outcome> read_outcome(const PointSet& set, const Point& point);

/** Where a point stands in Slurm. */
struct SlurmTask {
    std::string job;                   ///< "12_3": array and index
    std::string state{};               ///< "PENDING", "RUNNING", ...; empty: Slurm has it no longer
    std::string reason{};              ///< why it waits, or did not begin
    std::filesystem::path log{};       ///< what the point prints
    std::filesystem::path task_log{};  ///< of a task of several points; empty: `log`
    bool killed = false;               ///< what it was to begin after was, so that it never began
    bool known = true;  ///< false: squeue doesn't answer, so the task may wait, run or have ended
};
using SlurmTasks = std::map<std::string, SlurmTask>;  ///< by point id, the last submission of each

/**
 * Reads the result, the lock, the outcome and the journal of one point. A task that Slurm has no
 * longer counts only until a process of this machine has taken the point up.
 */
PointStatus status_of(const PointSet& set, const Point& point, const SlurmTasks& tasks = {});
/** The same of all points; repeated ones have the accuracies of the point they repeat. */
std::vector<PointStatus> status_of(const PointSet& set, const SlurmTasks& tasks = {});

/** Whether a launcher starts a point of this state; `only_failed` leaves out those never begun. */
bool to_be_run(PointState state, bool only_failed);

/** The last line of a log that begins with "error: ", without that; else its last line. */
std::string error_line(const std::filesystem::path& log);
/** The last line of a log, its spaces squeezed: what a run is at. */
std::string last_line(const std::filesystem::path& log);

/** Where points are run. */
enum class RunsOn {
    this_machine,
    node,  ///< variables that paths name are expanded there
};

/** Writes the resolved config of each of `chosen`, makes the folders, and forgets earlier attempts.
 */
void prepare_folder(const PointSet& set, const std::vector<std::size_t>& chosen,
                    RunsOn machine = RunsOn::this_machine);

}  // namespace comq
