#pragma once

#include <cstdint>
#include <memory>

#include "networks/network.hpp"

namespace comq {

/**
 * EfficientNet-Lite: EfficientNet (arXiv 1905.11946) without squeeze-and-excitation, with ReLU6
 * and a stem and head that don't scale. Parameter names of the PyPI package
 * efficientnet_lite_pytorch; paddings are TensorFlow's.
 */
struct EfficientNetLiteConfig {
    double width = 1.0;  ///< factor on the channels of each stage, rounded to multiples of 8
    double depth = 1.0;  ///< factor on the repeats of each stage but the first and last
    int64_t classes = 1000;
};

std::shared_ptr<Network> make_efficientnet_lite(const EfficientNetLiteConfig& config);

}  // namespace comq
