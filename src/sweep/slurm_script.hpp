#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "points/point.hpp"

namespace comq {

/** Slurm's MaxArraySize, below which the indices of an array are; its default without Slurm. */
std::size_t max_array_size();

/** Splits `chosen` into arrays of at most `limit` points. */
std::vector<std::vector<std::size_t>> slurm_arrays(const std::vector<std::size_t>& chosen,
                                                   std::size_t limit = max_array_size());

/** What a job array is for. */
enum class SlurmWork {
    points,  ///< task i runs the point points[i]
    shared,  ///< it computes what runs share with that point (run_experiment --shared-only)
};

/**
 * The batch script of one job array. It gives the program
 * its signals, waits for it, and requeues its own task when the program stopped for the time limit
 * (exit 75), unless nothing was finished and no other point waited for; a task whose point is
 * finished ends at once, so requeueing is safe at any time. Each has `cpus` cores, which slurm_cpus
 * tells. The first line of `slurm.setup` that fails ends a task, and is written down as the reason.
 */
std::string slurm_script(const PointSet& sweep, const std::vector<std::size_t>& points,
                         const std::filesystem::path& program, int cpus,
                         SlurmWork work = SlurmWork::points);

}  // namespace comq
