#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "networks/network.hpp"

namespace comq {

/** RegNetX (arXiv 2003.13678) with torchvision's parameter names; bottleneck ratio 1. */
struct RegNetConfig {
    std::vector<int64_t> depths;  ///< blocks of each stage
    std::vector<int64_t> widths;  ///< multiples of `group_width`
    int64_t group_width = 16;     ///< channels of one group of the 3×3 convolutions
    int64_t classes = 1000;
};

std::shared_ptr<Network> make_regnet(const RegNetConfig& config);

}  // namespace comq
