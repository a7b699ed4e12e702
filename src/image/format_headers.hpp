#pragma once

#include <string>
#include <string_view>

#include "core/errors.hpp"
#include "image/file_bytes.hpp"
#include "image/image_header.hpp"

namespace comq {

/** The error of an image that Pillow and OpenCV do not decode alike: "NAME: is WHAT, …". */
inline InputError unlike_pillow(const std::string& name, std::string_view what) {
    return InputError("{}: is {}, which is not read; convert it to PNG", name, what);
}

/** The error of a file that ends before its header says, or contradicts itself. */
inline InputError broken_image(const std::string& name, std::string_view what) {
    return InputError("{}: cut short or corrupt: {}", name, what);
}

// One for each format that OpenCV decodes: they read its size, and refuse what it would decode to
// other pixels than Pillow. Throw InputError naming `name`.
ImageHeader read_png_header(const FileBytes& file, const std::string& name);
ImageHeader read_bmp_header(const FileBytes& file, const std::string& name);
ImageHeader read_webp_header(const FileBytes& file, const std::string& name);
ImageHeader read_tiff_header(const FileBytes& file, const std::string& name);

}  // namespace comq
