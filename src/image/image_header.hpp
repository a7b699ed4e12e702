#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace comq {

enum class ImageFormat { jpeg, png, bmp, webp, tiff, netpbm };

/** What an image file says of itself before anything is decoded. */
struct ImageHeader {
    ImageFormat format = ImageFormat::jpeg;
    int64_t height = 0;
    int64_t width = 0;
};

/** Pixels beyond which Pillow takes an image for a bomb (twice its MAX_IMAGE_PIXELS). */
constexpr int64_t most_pixels = 178'956'970;

/**
 * Reads the header of an image; the content decides the format, not the name. A JPEG's size is left
 * at 0, since libjpeg reads its header.
 * Throws InputError naming `name` and the remedy for what is no image, an image of a format that is
 * not read, a variant that OpenCV would decode to other pixels than Pillow, and for check_size.
 */
ImageHeader read_image_header(std::span<const std::byte> bytes, const std::string& name);

/** Throws InputError naming `name` when there are no pixels, or more than `most_pixels`. */
void check_size(int64_t height, int64_t width, const std::string& name);

}  // namespace comq
