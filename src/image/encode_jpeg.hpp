#pragma once

#include <cstddef>
#include <vector>

#include "image/rgb_image.hpp"

namespace comq {

/**
 * The image as a JPEG file (baseline, 4:2:0) of libjpeg's `quality`, 1…100. For people to look at:
 * the pixels that it decodes to are not those of `image`. Throws Failure.
 */
std::vector<std::byte> encode_jpeg(const RgbImage& image, int quality);

}  // namespace comq
