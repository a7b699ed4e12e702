#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "points/point_status.hpp"

namespace comq {

enum class Launcher { local, slurm };

/** As `--launcher` names them. */
const std::map<std::string, Launcher>& launchers();

/** run_experiment beside this program, where both are built and installed. */
std::filesystem::path experiment_program();

struct LaunchOptions {
    Launcher launcher = Launcher::local;
    std::filesystem::path program = experiment_program();
    bool only_failed = false;  ///< not what was never begun
    bool fail_fast = false;    ///< of the local launcher: the first failure stops the others
};

/** How the points of a set are, and which of them a launcher would start. */
struct LaunchPlan {
    std::vector<PointStatus> statuses;
    std::vector<std::size_t> chosen;
};

/**
 * A plan that `launches` must know what waits in the queue: throws Failure where it can't be asked.
 */
LaunchPlan plan_launch(const PointSet& set, const LaunchOptions& options, bool launches);

/**
 * Runs the chosen points here until they have ended, or submits them; returns the ids of the jobs
 * that Slurm has them as. Throws what launch_local and launch_slurm do, and UsageError where a path
 * that a point names is not there.
 */
std::vector<std::string> launch_points(const PointSet& set, const LaunchPlan& plan,
                                       const LaunchOptions& options, const std::atomic<bool>& stop);

}  // namespace comq
