#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "networks/network.hpp"

namespace comq {

/**
 * ResNet (arXiv 1512.03385): torchvision's for ImageNet (the stride of a bottleneck on its 3×3
 * convolution), and the narrow one for images of 32 × 32 with parameter-free shortcuts.
 */
struct ResNetConfig {
    std::vector<int64_t> depths;  ///< residual blocks of each stage
    std::vector<int64_t> widths{64, 128, 256, 512};
    bool bottleneck = false;  ///< 1×1, 3×3, 1×1 convolutions, four times wider at the end
    /** 3×3 stem without pooling, shortcuts that subsample and pad with zeros ("option A"), the
     *  classifier named `linear`, as in akamaster/pytorch_resnet_cifar10. */
    bool small_images = false;
    int64_t classes = 1000;
};

std::shared_ptr<Network> make_resnet(const ResNetConfig& config);

/** ResNet-`depth` for 32 × 32 images, depth = 6n + 2. */
std::shared_ptr<Network> make_cifar_resnet(int64_t depth, int64_t classes = 10);

}  // namespace comq
