#pragma once

#include <cstdint>
#include <memory>

#include "networks/network.hpp"

namespace comq {

/** MobileNetV2 (arXiv 1801.04381) of width 1 with torchvision's parameter names. */
struct MobileNetV2Config {
    int64_t classes = 1000;
};

std::shared_ptr<Network> make_mobilenet_v2(const MobileNetV2Config& config);

}  // namespace comq
