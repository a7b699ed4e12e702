#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "points/point_status.hpp"

namespace comq {

/**
 * Submits `chosen` points as one job array, or as several, each after the one before, where Slurm's
 * MaxArraySize demands it. Returns their job ids. Throws Failure with sbatch's own words.
 */
std::vector<std::string> launch_slurm(const PointSet& sweep, const std::vector<std::size_t>& chosen,
                                      const std::filesystem::path& program);

/**
 * `slurm.cpus`, or 4 without it, and fewer where the largest node of the partition has fewer.
 * Throws UsageError when no node has as many as are asked for: such a task would wait for ever.
 */
int slurm_cpus(const SlurmSettings& slurm);

/** Splits `chosen` into runs of at most `limit` points. */
std::vector<std::vector<std::size_t>> split_array(const std::vector<std::size_t>& chosen,
                                                  std::size_t limit);
/** By the MaxArraySize that Slurm tells, or its default of 1001 where there is no Slurm. */
std::vector<std::vector<std::size_t>> slurm_arrays(const std::vector<std::size_t>& chosen);

/** What to do where squeue can't be asked. */
enum class QueueUnknown {
    warn,    ///< tasks count as ended, which is said in one line
    refuse,  ///< a Failure: what waits in the queue would be submitted again
};

/** The last submission of every point that was ever submitted, with the state squeue reports. */
SlurmTasks slurm_tasks(const PointSet& sweep, QueueUnknown unknown);

}  // namespace comq
