#pragma once

#include <cstdint>

#include "networks/layers.hpp"

namespace comq {

/** Zeros that a convolution puts around one axis of its input. */
struct Padding {
    int64_t before;
    int64_t after;
};

/** `size` is the length of the axis; TensorFlow's "SAME" padding depends on it. */
Padding padding_of(const Conv2dOptions& options, int64_t size);

}  // namespace comq
