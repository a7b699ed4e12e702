#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace comq {

/**
 * A PNG that read_png_header took, without what its pixels don't need: colour profiles, gamma,
 * palettes of images that have none, of which libpng would complain on the standard error.
 */
std::vector<std::byte> png_chunks_of_pixels(std::span<const std::byte> bytes);

}  // namespace comq
