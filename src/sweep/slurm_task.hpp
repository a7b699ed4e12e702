#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "points/point.hpp"
#include "sweep/slurm_script.hpp"

namespace comq {

/**
 * What a task of an array does, as shell that follows the #SBATCH lines and the array `points`. It
 * runs its share of them one after the other, gives the program its signals, waits for it, writes
 * down how each ended, and requeues itself when the program stopped for the time limit.
 */
std::string task_text(const PointSet& set, const std::filesystem::path& program, int cpus,
                      SlurmWork work);

/** Has a script start processes that are alone, also where it was submitted among ranks. */
std::string alone_text();

/**
 * The lines of slurm.setup as shell, with the functions that login shells have. The first one that
 * fails calls the function setup_failed with its text and exit code.
 */
std::string setup_text(const std::vector<std::string>& lines);

}  // namespace comq
