#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "points/point_status.hpp"
#include "sweep/launch_slurm.hpp"

namespace comq {

enum class Launcher { local, slurm };

/** As `--launcher` names them. */
const std::map<std::string, Launcher>& launchers();

/** Another program beside this one, where all are built and installed. */
std::filesystem::path program_beside(const std::string& name);
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
 * Throws UsageError for `fail_fast` under Slurm, where nobody would stop the others.
 */
LaunchPlan plan_launch(const PointSet& set, const LaunchOptions& options, bool launches);

/**
 * Runs the chosen points, or submits them. Throws UsageError where a path that a point names is not
 * there, and what launch_slurm does.
 *
 * Here they run as processes of this machine, `local.jobs` at a time, until all have ended; what a
 * point prints goes to logs/ID.log. On a terminal a table of what is running is kept up to date,
 * elsewhere each point has a line when it ends. Once `stop` is set, the running points finish the
 * layer they are at and keep it; then throws Interrupted. Throws Failure naming the failed points,
 * after all others have run or, with `fail_fast`, been stopped; and Interrupted when none failed
 * and some were stopped by a signal of their own.
 */
Launched launch_points(const PointSet& set, const LaunchPlan& plan, const LaunchOptions& options,
                       const std::atomic<bool>& stop);

/**
 * What starts a point here, with `local.threads` threads, else those that its config names, else
 * the cores shared out among the jobs.
 */
std::vector<std::string> point_command(const PointSet& set, const Point& point,
                                       const std::filesystem::path& program);

}  // namespace comq
