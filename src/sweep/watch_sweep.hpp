#pragma once

#include <atomic>
#include <chrono>
#include <vector>

#include "points/point_status.hpp"

namespace comq {

/**
 * Looks at a sweep every `interval` until none of its points is running or queued, or `stop` is
 * set; returns what it saw last. On a terminal a table of the points that run or failed is kept up
 * to date, elsewhere there is a line whenever the counts change, both on the standard error. A
 * point that a launcher has just started looks as if it waited, so while there are points left to
 * run the end is only believed after some seconds.
 */
std::vector<PointStatus> watch_sweep(const PointSet& sweep, std::chrono::duration<double> interval,
                                     const std::atomic<bool>& stop);

}  // namespace comq
