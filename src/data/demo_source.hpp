#pragma once

#include <cstdint>
#include <memory>

#include "data/image_source.hpp"

namespace comq {

/**
 * The embedded demo set: images of 10 classes of shapes (demo_shape.hpp), 32 × 32, drawn on
 * request. An image is a pure function of its split and index, the splits share no image, and
 * index i is of class i mod 10. 1,024 images for calibration, 2,000 for evaluation.
 */
std::unique_ptr<ImageSource> make_demo_source(Split split);

/** The first `count` images of the training stream, which has no end. */
std::unique_ptr<ImageSource> make_demo_training_source(int64_t count);

}  // namespace comq
