#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "image/rgb_image.hpp"

namespace comq {

/** True if `bytes` begin as every JPEG file does (FF D8 FF). */
bool is_jpeg(std::span<const std::byte> bytes);

/**
 * Decodes a JPEG of any colour space to RGB with the pixels Pillow's `convert("RGB")` gives:
 * accurate integer DCT, smooth chroma upsampling, EXIF orientation ignored. Four-component files
 * (CMYK, YCCK) count as inverted whether or not Adobe's marker says so, as Pillow has it.
 * Damage that libjpeg bridges is bridged; a file that ends early is an error, as in Pillow.
 * Throws InputError naming `name`.
 */
RgbImage decode_jpeg(std::span<const std::byte> bytes, const std::string& name);

}  // namespace comq
