#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "points/point.hpp"

namespace comq {

/**
 * The batch script of one job array whose task i runs the point points[i]. It gives the program
 * its signals, waits for it, and requeues its own task when the program stopped for the time limit
 * (exit 75); a task whose point is finished ends at once, so requeueing is safe at any time. Each
 * has `cpus` cores, which slurm_cpus (launch_slurm.hpp) tells.
 */
std::string slurm_script(const PointSet& sweep, const std::vector<std::size_t>& points,
                         const std::filesystem::path& program, int cpus);

}  // namespace comq
