#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "image/rgb_image.hpp"

namespace comq {

/**
 * PNG, BMP, WebP and TIFF, by OpenCV; what a build without it says instead names the remedy.
 * Throws InputError naming `name`.
 */
RgbImage decode_by_opencv(std::span<const std::byte> bytes, const std::string& name);

/** Version of the OpenCV compiled against; "none" without one. */
std::string opencv_version();

}  // namespace comq
