#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "points/point_status.hpp"

namespace comq {

/** What became of points that a launcher was given. */
struct Launched {
    std::vector<std::string> jobs;  ///< that Slurm has them as
    std::size_t points = 0;         ///< that were run or submitted
    std::string shared_job{};       ///< computes first what they share; empty: there is none
};

/**
 * Submits `chosen` points as one job array, or as several, each after the one before, where Slurm's
 * MaxArraySize demands it; with `slurm.shared_first` after a job that computes what points share,
 * where any do. Waits for whoever submits points of this folder, until `stop`, and leaves
 * out those that are not to be run any more. No task begins before `wait` is over. Throws Failure
 * with sbatch's own words, naming the jobs that were submitted before; and what check_slurm and
 * slurm_cpus throw.
 */
Launched launch_slurm(const PointSet& sweep, const std::vector<std::size_t>& chosen,
                      const std::filesystem::path& program, const std::atomic<bool>& stop,
                      std::chrono::seconds wait = {});

}  // namespace comq
