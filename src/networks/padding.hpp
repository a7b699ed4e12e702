#pragma once

#include <cstdint>

#include "networks/layers.hpp"

namespace comq {

/** Zeros that a convolution puts around one axis of its input. */
struct AxisPadding {
    int64_t before;
    int64_t after;
};
struct Padding {
    AxisPadding height;
    AxisPadding width;
};

/** `size` is that of the maps; TensorFlow's "SAME" padding depends on it. */
Padding padding_of(const Conv2dOptions& options, HeightWidth size);

}  // namespace comq
