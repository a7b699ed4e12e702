#include "image/image_header.hpp"

#include <array>
#include <string_view>

#include "core/errors.hpp"
#include "image/format_headers.hpp"
#include "image/jpeg.hpp"

namespace comq {

namespace {

using namespace std::string_view_literals;

/** A format by the bytes at an offset. */
struct Signature {
    uint64_t offset;
    std::string_view bytes;
    std::string_view name;
};

constexpr std::array foreign_formats{
    Signature{0, "GIF8"sv, "a GIF"},
    Signature{4, "ftypavi"sv, "an AVIF"},
    Signature{4, "ftyp"sv, "a HEIF or a video"},
    Signature{0, "\0\0\0\x0CjP  "sv, "a JPEG 2000"},
    Signature{0, "\xFF\x4F\xFF\x51"sv, "a JPEG 2000"},
    Signature{0, "\0\0\0\x0CJXL "sv, "a JPEG XL"},
    Signature{0, "\xFF\x0A"sv, "a JPEG XL"},
    Signature{0, "\0\0\1\0"sv, "an icon"},
    Signature{0, "\0\0\2\0"sv, "a cursor or a TGA"},
    Signature{0, "8BPS"sv, "a Photoshop document"},
    Signature{0, "\x76\x2F\x31\x01"sv, "an OpenEXR"},
    Signature{0, "#?RADIANCE"sv, "a Radiance image"},
    Signature{0, "\x59\xA6\x6A\x95"sv, "a Sun raster image"},
    Signature{0, "DDS "sv, "a DDS texture"},
    Signature{0, "II\x2B\0"sv, "a BigTIFF"},
    Signature{0, "MM\0\x2B"sv, "a BigTIFF"},
    Signature{0, "P7\n"sv, "a PAM"},
    Signature{0, "PF"sv, "a float map"},
    Signature{0, "Pf"sv, "a float map"},
    Signature{0, "%PDF"sv, "a PDF"},
    Signature{0, "\x1F\x8B"sv, "compressed by gzip"},
    Signature{0, "PK\3\4"sv, "a zip archive"},
};

bool is_netpbm(const FileBytes& file) {
    return file.u8(0) == 'P' && file.u8(1) >= '1' && file.u8(1) <= '6';
}

ImageHeader dispatch(const FileBytes& file, const std::string& name) {
    if (is_jpeg(file.bytes())) return {ImageFormat::jpeg, 0, 0};
    if (file.text(0, 8) == "\x89PNG\r\n\x1A\n"sv) return read_png_header(file, name);
    if (file.text(0, 2) == "BM"sv) return read_bmp_header(file, name);
    if (file.text(0, 4) == "RIFF"sv && file.text(8, 4) == "WEBP"sv) {
        return read_webp_header(file, name);
    }
    if (file.text(0, 4) == "II*\0"sv || file.text(0, 4) == "MM\0*"sv) {
        return read_tiff_header(file, name);
    }
    if (is_netpbm(file)) return {ImageFormat::netpbm, 0, 0};
    for (const Signature& foreign : foreign_formats) {
        if (file.text(foreign.offset, foreign.bytes.size()) == foreign.bytes) {
            throw unlike_pillow(name, foreign.name);
        }
    }
    throw InputError(
        "{}: no image, or cut short or corrupt (JPEG, PNG, BMP, WebP, TIFF, PPM, PGM and PBM can "
        "be read)",
        name);
}

}  // namespace

void check_size(int64_t height, int64_t width, const std::string& name) {
    if (height < 1 || width < 1) {
        throw InputError("{}: its header says {} × {} pixels; is it cut short or corrupt?", name,
                         width, height);
    }
    if (width > most_pixels / height) {
        throw InputError(
            "{}: its header says {} × {} pixels, more than the {} that Pillow takes; is it cut "
            "short or corrupt?",
            name, width, height, most_pixels);
    }
}

ImageHeader read_image_header(std::span<const std::byte> bytes, const std::string& name) {
    const ImageHeader header = dispatch(FileBytes(bytes), name);
    const bool sized_by_decoder =
        header.format == ImageFormat::jpeg || header.format == ImageFormat::netpbm;
    if (!sized_by_decoder) check_size(header.height, header.width, name);
    return header;
}

}  // namespace comq
