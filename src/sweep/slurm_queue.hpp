#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "points/point_status.hpp"
#include "sweep/slurm_script.hpp"

namespace comq {

/**
 * Points that were handed to sbatch together, as the folder `slurm` keeps them: JOB-TOKEN.points
 * (their ids, a line each, in the order of the array, behind what else is known) beside
 * JOB-TOKEN.sh. `unknown-TOKEN` is one
 * of which sbatch did not say whether it was taken. JOB-TOKEN.shared are points for which a job
 * computes what they share with others.
 */
struct Submission {
    std::string job;  ///< empty: unknown
    std::string
        token;  ///< what its comment in Slurm ends in; empty: of a comq before there were any
    std::vector<std::string> points;
    SlurmWork work = SlurmWork::points;
    std::string after{};  ///< the job whose shared work it waits for; empty: none
    int per_task = 1;     ///< points that a task runs, one after the other
};

/** A new one, not submitted yet; its token is its own. */
Submission new_submission(const PointSet& set, const std::vector<std::size_t>& points,
                          SlurmWork work);

std::filesystem::path script_of(const PointSet& set, const Submission& submission);
/** Keeps it in the folder `slurm`; until name_job() as one of which nothing is known. */
void keep_submission(const PointSet& set, const Submission& submission);
void forget_submission(const PointSet& set, const Submission& submission);

/** Says that Slurm has it as `job`; its files are renamed. */
void name_job(const PointSet& set, Submission& submission, const std::string& job);

/** What --comment=… says of its jobs. A job number alone may be that of another Slurm. */
std::string comment_of(const Submission& submission);

/** What to do where squeue can't be asked. */
enum class QueueUnknown {
    warn,    ///< what became of tasks is unknown, which is said in one line
    refuse,  ///< a Failure: what waits in the queue would be submitted again
};

/** The job in the queue that a submission became; none: squeue answers and has none. */
std::optional<std::string> job_in_queue(const Submission& submission);

/**
 * The last submission of every point that was ever submitted, with the state squeue reports. Where
 * there is no squeue at all, tasks count as ended.
 */
SlurmTasks slurm_tasks(const PointSet& set, QueueUnknown unknown);

}  // namespace comq
