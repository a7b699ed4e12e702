#pragma once

#include <cstddef>
#include <vector>

#include "points/point.hpp"

namespace comq {

/**
 * Of every group of two or more of `chosen` that share the full-precision network, the images and
 * what rows are summed into, the first: what it computes with --shared-only the others find in the
 * cache. Points without a cache share nothing. None without `slurm.shared_first`, and none where
 * there are more such groups than an array has tasks.
 */
std::vector<std::size_t> sharing_points(const PointSet& set,
                                        const std::vector<std::size_t>& chosen);

}  // namespace comq
