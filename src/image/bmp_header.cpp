#include <fmt/format.h>

#include <array>
#include <cstdlib>

#include "image/format_headers.hpp"

namespace comq {

namespace {

constexpr uint64_t file_header = 14;
constexpr uint32_t core_header = 12;  ///< size of the header of OS/2, with its own order
constexpr uint32_t uncompressed = 0;
constexpr uint32_t bit_fields = 3;

struct Bitmap {
    uint32_t header_size;
    int64_t width;
    int64_t height;  ///< negative: the first row is the uppermost
    uint32_t bits;
    uint32_t compression;
    uint32_t colors;  ///< of the palette; 0: all
};

Bitmap read_bitmap(const FileBytes& file) {
    const uint32_t size = file.u32(file_header);
    if (size == core_header) {
        return {size, file.u16(18), file.u16(20), file.u16(24), uncompressed, 0};
    }
    return {size,
            static_cast<int32_t>(file.u32(18)),
            static_cast<int32_t>(file.u32(22)),
            file.u16(28),
            file.u32(30),
            file.u32(46)};
}

bool has_usual_masks(const FileBytes& file) {
    return file.u32(54) == 0xFF0000 && file.u32(58) == 0xFF00 && file.u32(62) == 0xFF;
}

}  // namespace

ImageHeader read_bmp_header(const FileBytes& file, const std::string& name) {
    const Bitmap bitmap = read_bitmap(file);
    switch (bitmap.header_size) {
        case core_header:
        case 40:
        case 52:
        case 56:
        case 108:
        case 124:
            break;
        default:
            throw broken_image(name, "a BMP with a header of no known size");
    }
    const uint32_t bits = bitmap.bits;
    if (bits == 16) throw unlike_pillow(name, "a 16-bit BMP");
    if (bits != 1 && bits != 4 && bits != 8 && bits != 24 && bits != 32) {
        throw unlike_pillow(name, fmt::format("a BMP of {} bits a pixel", bits));
    }
    const bool usual_fields =
        bitmap.compression == bit_fields && bits == 32 && has_usual_masks(file);
    if (bitmap.compression != uncompressed && !usual_fields) {
        throw unlike_pillow(name, "a compressed BMP, or one with bit fields of its own");
    }
    // Pillow takes 8-bit pixels with a palette of black and white for single bits.
    if (bits <= 8 && bitmap.colors != 0 && bitmap.colors != 1U << bits &&
        (bitmap.colors < 3 || bitmap.colors > 1U << bits)) {
        throw unlike_pillow(name, fmt::format("a BMP of {} bits a pixel with a palette of {}", bits,
                                              bitmap.colors));
    }
    const int64_t height = std::abs(bitmap.height);
    check_size(height, bitmap.width, name);
    const int64_t stride = (bitmap.width * bits + 31) / 32 * 4;
    if (file.u32(10) + static_cast<uint64_t>(stride * height) > file.size()) {
        throw broken_image(name, "the BMP ends before its last row");
    }
    return {ImageFormat::bmp, height, bitmap.width};
}

}  // namespace comq
