#pragma once

#include <atomic>
#include <filesystem>
#include <vector>

#include "points/point_status.hpp"

namespace comq {

struct LocalOptions {
    std::filesystem::path program;  ///< run_experiment
    bool fail_fast = false;         ///< the first failure stops the others
};

/**
 * Runs `chosen` points as processes of this machine, `local.jobs` at a time, and returns when all
 * have ended. What a point prints goes to logs/ID.log. On a terminal a table of what is running is
 * kept up to date, elsewhere each point has a line when it ends.
 *
 * Once `stop` is set, the running points finish the layer they are at and keep it; then throws
 * Interrupted. Throws Failure naming the failed points, after all others have run or, with
 * `fail_fast`, been stopped; and Interrupted when none failed and some were stopped by a signal of
 * their own.
 */
void launch_local(const PointSet& sweep, const std::vector<std::size_t>& chosen,
                  const LocalOptions& options, const std::atomic<bool>& stop);

/**
 * What starts a point, with `local.threads` threads, else those that its config names, else the
 * cores shared out among the jobs.
 */
std::vector<std::string> point_command(const PointSet& sweep, const Point& point,
                                       const std::filesystem::path& program);

}  // namespace comq
