#pragma once

#include "points/point.hpp"
#include "sweep/sweep_table.hpp"

namespace comq {

/**
 * Reads the result of every finished point, those left out that repeat an earlier one. A key varies
 * when its value differs between any two points of the sweep, finished or not, so that the columns
 * stay while points finish. What a run did not measure is NaN.
 */
SweepTable collect_points(const PointSet& sweep);

}  // namespace comq
