#include "image/format_headers.hpp"

namespace comq {

/** RIFF, its length, WEBP, then the first chunk: its type, its length, its content. */
ImageHeader read_webp_header(const FileBytes& file, const std::string& name) {
    constexpr uint64_t content = 20;
    constexpr uint32_t animated = 0x02;
    const std::string_view chunk = file.text(12, 4);
    ImageHeader header{ImageFormat::webp, 0, 0};
    if (chunk == "VP8X") {
        if ((file.u8(content) & animated) != 0) throw unlike_pillow(name, "an animated WebP");
        header.width = int64_t{1} + file.u24(content + 4);
        header.height = int64_t{1} + file.u24(content + 7);
    } else if (chunk == "VP8L") {
        const uint32_t sizes = file.u32(content + 1);  // 14 bits of width − 1, 14 of height − 1
        header.width = int64_t{1} + (sizes & 0x3FFFU);
        header.height = int64_t{1} + (sizes >> 14U & 0x3FFFU);
    } else if (chunk == "VP8 ") {
        header.width = file.u16(content + 6) & 0x3FFFU;
        header.height = file.u16(content + 8) & 0x3FFFU;
    } else {
        throw broken_image(name, "a WebP without pixels");
    }
    return header;
}

}  // namespace comq
