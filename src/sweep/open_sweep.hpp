#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "points/point.hpp"

namespace comq {

/**
 * Reads and expands a sweep with the fragments that come with comq, its models and methods checked
 * against `known`. Throws one UsageError with a line for everything that is
 * wrong: keys that are not known, varied twice or fixed as well, lists that are none, configs of
 * points.
 */
PointSet open_sweep(const std::filesystem::path& file, const std::vector<std::string>& arguments,
                    const KnownNames& known = {});

}  // namespace comq
