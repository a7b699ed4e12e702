#pragma once

#include <string>
#include <vector>

#include "points/point.hpp"

namespace comq {

/** Whether something is asked for that is done when all tasks have ended. */
bool wants_last_job(const SlurmSettings& slurm);

/**
 * The batch script of the job that begins when all arrays have ended, however that: one core, the
 * settings of `set` but for what a point needs, its lines of slurm.setup, then `command` in the
 * working directory of this process. Slurm's mail about it goes to `slurm.mail`.
 */
std::string last_script(const PointSet& set, const std::vector<std::string>& command);

/**
 * Submits it after `jobs`; returns its own. Throws Failure with sbatch's words: the points are
 * submitted, but nothing follows them.
 */
std::string submit_last_job(const PointSet& set, const std::vector<std::string>& jobs,
                            const std::vector<std::string>& command);

}  // namespace comq
