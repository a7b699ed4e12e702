#pragma once

#include <vector>

#include "points/point.hpp"
#include "points/settings.hpp"

namespace comq {

/** Settings that belong together: one choice of an axis. */
using Choice = std::vector<Setting>;
/** What varies together; each point has one choice of every axis. */
using Axis = std::vector<Choice>;

/** What is to become of a set's config: settings that all points share, and what varies. */
struct Variation {
    std::vector<Setting> shared;
    std::vector<Axis> axes;  ///< the choices of the last one change fastest
};

/**
 * Fills in the points of a set, each with its config checked, and the keys that they vary. Later
 * settings win: the config, what is shared, the point. Throws one UsageError with a line for
 * everything that is wrong.
 */
PointSet expand(PointSet set, const Variation& variation, const LoadOptions& options);

}  // namespace comq
