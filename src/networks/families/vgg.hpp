#pragma once

#include <cstdint>
#include <memory>

#include "networks/network.hpp"

namespace comq {

/** VGG-16 (arXiv 1409.1556, configuration D) with torchvision's parameter names. */
struct Vgg16Config {
    bool batch_norm = false;
    int64_t classes = 1000;
};

std::shared_ptr<Network> make_vgg16(const Vgg16Config& config);

}  // namespace comq
