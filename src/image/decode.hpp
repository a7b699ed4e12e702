#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "image/rgb_image.hpp"

namespace comq {

/**
 * Decodes an image file held in memory to the pixels of Pillow's
 * `Image.open(file).convert("RGB")`. The content decides the format, not the name (ImageNet has
 * PNG files named .JPEG): JPEG by libjpeg, PPM, PGM and PBM here, PNG, BMP, WebP and TIFF by
 * OpenCV. Transparency is dropped and EXIF orientation ignored, as the published recipes do.
 * Throws InputError naming `name` for what is empty, cut short, corrupt, no image, of more pixels
 * than Pillow takes (image_header.hpp), or known to be decoded to other pixels than Pillow's.
 */
RgbImage decode_image(std::span<const std::byte> bytes, const std::string& name);

}  // namespace comq
