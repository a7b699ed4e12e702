#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "image/format_headers.hpp"
#include "image/png_chunks.hpp"

namespace comq {

namespace {

constexpr uint64_t signature_bytes = 8;
constexpr uint64_t frame_bytes = 12;  ///< of a chunk: length, type, checksum
constexpr uint64_t color_type_at = 25;

void check_chunk(const FileBytes& file, uint64_t offset, uint64_t length, const std::string& name) {
    const std::string_view covered = file.text(offset + 4, 4 + length);
    const uLong sum =
        crc32(0, reinterpret_cast<const Bytef*>(covered.data()), static_cast<uInt>(covered.size()));
    if (static_cast<uint32_t>(sum) != file.u32(offset + 8 + length)) {
        throw broken_image(
            name, fmt::format("the checksum of the PNG chunk at byte {} is wrong", offset));
    }
}

}  // namespace

/**
 * Checks the chunks before the pixels, as Pillow does where libpng goes on with what it can read,
 * and those of the pixels, of which libpng would complain on the standard error.
 */
ImageHeader read_png_header(const FileBytes& little, const std::string& name) {
    const FileBytes file(little.bytes(), std::endian::big);
    if (file.text(signature_bytes + 4, 4) != "IHDR") {
        throw broken_image(name, "a PNG without its header");
    }
    bool before_pixels = true;
    for (uint64_t offset = signature_bytes; file.text(offset + 4, 4) != "IEND";) {
        const uint64_t length = file.u32(offset);
        if (offset + frame_bytes > file.size() || length > file.size() - offset - frame_bytes) {
            throw broken_image(name, before_pixels ? "the PNG ends before its pixels"
                                                   : "the PNG ends before its last row");
        }
        const bool pixels = file.text(offset + 4, 4) == "IDAT";
        before_pixels = before_pixels && !pixels;
        if (before_pixels || pixels) check_chunk(file, offset, length, name);
        offset += frame_bytes + length;
    }
    if (before_pixels) throw broken_image(name, "a PNG without pixels");
    const ImageHeader header{ImageFormat::png, file.u32(signature_bytes + 12),
                             file.u32(signature_bytes + 8)};
    // A pixel is a bit at least, and a byte unpacks to 1032: what the file can't hold isn't made
    // room for.
    const auto most = static_cast<int64_t>(8 * 1032 * file.size());
    if (header.width > 0 && header.height > most / header.width) {
        throw broken_image(name, fmt::format("{} bytes can't hold {} × {} pixels", file.size(),
                                             header.width, header.height));
    }
    return header;
}

std::vector<std::byte> png_chunks_of_pixels(std::span<const std::byte> bytes) {
    const FileBytes file(bytes, std::endian::big);
    const bool has_palette = file.u8(color_type_at) == 3;
    std::vector<std::byte> kept;
    kept.reserve(bytes.size());
    const auto keep = [&](uint64_t offset, uint64_t length) {
        const auto part = bytes.subspan(offset, std::min(length, file.size() - offset));
        kept.insert(kept.end(), part.begin(), part.end());
    };
    keep(0, signature_bytes);
    for (uint64_t offset = signature_bytes; offset < file.size();) {
        const uint64_t length = frame_bytes + file.u32(offset);
        const std::string_view type = file.text(offset + 4, 4);
        // The first letter of a chunk that one may leave out is a small one.
        const bool critical = (file.u8(offset + 4) & 0x20U) == 0;
        if (critical && (type != "PLTE" || has_palette)) keep(offset, length);
        if (type == "IEND") break;
        offset += length;
    }
    return kept;
}

}  // namespace comq
