#pragma once

#include <string>
#include <vector>

#include "points/point.hpp"

namespace comq {

/**
 * The last part of each dotted key, with as many parts before it as tell it from the others:
 * "bits", "calibration.images".
 */
std::vector<std::string> short_keys(const std::vector<std::string>& keys);

/** Fills in Point::label: every key that has two values or more, and of paths the file. */
void label_points(PointSet& set);

}  // namespace comq
