#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "points/point.hpp"

namespace comq {

/** Slurm's MaxArraySize, below which the indices of an array are; its default without Slurm. */
std::size_t max_array_size();

/** "#SBATCH --option=value", as sbatch reads it. */
std::string directive(const std::string& option, const std::string& value);
/** A file among the logs for --output; `name` may hold Slurm's patterns. */
std::string log_pattern(const PointSet& set, const std::string& name);
/** What is asked for in the same way by all jobs of a set: partition, time, options of sbatch. */
std::string site_directives(const SlurmSettings& slurm);

/** What a job array is for. */
enum class SlurmWork {
    points,  ///< each task runs so many of the points, one after the other
    shared,  ///< it computes what runs share with that point (run_experiment --shared-only)
};

/** `slurm.points_per_task`; 1 for shared work. */
int points_per_task(const PointSet& set, SlurmWork work = SlurmWork::points);
/** Tasks that so many points make. */
std::size_t tasks_of(const PointSet& set, std::size_t points, SlurmWork work = SlurmWork::points);

/** Splits `chosen` into arrays of at most so many tasks. */
std::vector<std::vector<std::size_t>> slurm_arrays(const PointSet& set,
                                                   const std::vector<std::size_t>& chosen,
                                                   std::size_t max_tasks = max_array_size());

/**
 * The batch script of one job array. Its tasks give the program
 * its signals, wait for it, and requeue themselves when the program stopped for the time limit
 * (exit 75), unless nothing was finished and no other point waited for; a task whose points are
 * finished ends at once, so requeueing is safe at any time. Each has `cpus` cores, which slurm_cpus
 * tells. The first line of `slurm.setup` that fails ends a task, and is written down as the reason
 * of its points. Where a task has several points, each prints to a log of its own, and one that
 * fails stops no other.
 */
std::string slurm_script(const PointSet& sweep, const std::vector<std::size_t>& points,
                         const std::filesystem::path& program, int cpus,
                         SlurmWork work = SlurmWork::points);

}  // namespace comq
