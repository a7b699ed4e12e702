#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "image/rgb_image.hpp"

namespace comq {

/**
 * Decodes PBM, PGM and PPM, plain (P1–P3) and raw (P4–P6), of any maximum, to the pixels of
 * Pillow's `convert("RGB")`: values are scaled to 0–255, but grey of a maximum above 255 is scaled
 * to 0–65535 and cut off at 255. Throws InputError naming `name`.
 */
RgbImage decode_netpbm(std::span<const std::byte> bytes, const std::string& name);

}  // namespace comq
