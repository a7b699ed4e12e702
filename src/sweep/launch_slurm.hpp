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

/** Slurm's MaxArraySize, below which the indices of an array are; its default without Slurm. */
std::size_t max_array_size();

/** Splits `chosen` into arrays of at most `limit` points. */
std::vector<std::vector<std::size_t>> slurm_arrays(const std::vector<std::size_t>& chosen,
                                                   std::size_t limit = max_array_size());

/**
 * The batch script of one job array whose task i runs the point points[i]. It gives the program
 * its signals, waits for it, and requeues its own task when the program stopped for the time limit
 * (exit 75); a task whose point is finished ends at once, so requeueing is safe at any time. Each
 * has `cpus` cores, which slurm_cpus tells.
 */
std::string slurm_script(const PointSet& sweep, const std::vector<std::size_t>& points,
                         const std::filesystem::path& program, int cpus);

/** What to do where squeue can't be asked. */
enum class QueueUnknown {
    warn,    ///< tasks count as ended, which is said in one line
    refuse,  ///< a Failure: what waits in the queue would be submitted again
};

/** The last submission of every point that was ever submitted, with the state squeue reports. */
SlurmTasks slurm_tasks(const PointSet& sweep, QueueUnknown unknown);

}  // namespace comq
