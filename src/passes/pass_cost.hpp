#pragma once

#include <cstdint>

#include "networks/network.hpp"

namespace comq {

/** A forward and a backward pass, in forward passes. */
inline constexpr double gradient_pass = 3.0;

/**
 * Forward passes of an image that two networks side by side make: both go through a block once for
 * each of its `observed` layers and norms and once more to leave it; blocks count as equally long.
 */
inline double two_networks_forwards(const Network& network, int64_t observed) {
    const auto blocks = static_cast<double>(network.blocks().size());
    return 2.0 * (static_cast<double>(observed) + blocks) / blocks;
}

}  // namespace comq
