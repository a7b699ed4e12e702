#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "networks/network.hpp"

namespace comq {

/** SqueezeNet (arXiv 1602.07360) with torchvision's parameter names. */
struct SqueezeNetConfig {
    int64_t stem_channels = 64;
    int64_t stem_kernel = 3;
    /** Whether a 3×3 max pooling stands before fire module i of the eight. */
    std::vector<bool> pool_before{true, false, true, false, true, false, false, false};
    int64_t classes = 1000;
};

std::shared_ptr<Network> make_squeezenet(const SqueezeNetConfig& config);

}  // namespace comq
