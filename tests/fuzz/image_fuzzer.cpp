#include <zlib.h>

#include "fuzz/fuzz_target.hpp"
#include "image/decode.hpp"
#include "image/image_header.hpp"

using namespace comq;

namespace {

/** More would measure the decoders of other libraries, and their memory is allowed. */
constexpr int64_t most_decoded = int64_t{1} << 18;

uint32_t big_endian(fuzz::Bytes bytes, std::size_t at) {
    uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
        value = value << 8U | std::to_integer<uint32_t>(bytes[i]);
    }
    return value;
}

/** A PNG with checksums that hold: changed ones are refused before anything else. */
std::vector<std::byte> with_checksums(fuzz::Bytes png) {
    constexpr std::size_t frame = 12;  // of a chunk: length, type, checksum
    std::vector<std::byte> changed(png.begin(), png.end());
    for (std::size_t at = 8; at + frame <= changed.size();) {
        const std::size_t length = big_endian(changed, at);
        if (length > changed.size() - at - frame) break;
        const std::size_t end = at + 8 + length;
        const auto* covered = reinterpret_cast<const Bytef*>(changed.data() + at + 4);
        const auto sum = static_cast<uint32_t>(crc32(0, covered, static_cast<uInt>(length + 4)));
        for (std::size_t i = 0; i < 4; ++i) {
            changed[end + i] = static_cast<std::byte>(sum >> (24 - 8 * i));
        }
        at = end + 4;
    }
    return changed;
}

void read(fuzz::Bytes bytes) {
    fuzz::expect_only_errors([&] {
        const ImageHeader header = read_image_header(bytes, "fuzz");
        if (header.height * header.width > most_decoded) return;
        const RgbImage image = decode_image(bytes, "fuzz");
        fuzz::expect(
            header.height == 0 || (image.height == header.height && image.width == header.width),
            "pixels are not as many as the header says");
        fuzz::expect(image.pixels.size() == std::size_t{3} *
                                                static_cast<std::size_t>(image.height) *
                                                static_cast<std::size_t>(image.width),
                     "pixels are not as many as the image says");
    });
}

}  // namespace

/**
 * Any bytes are an image of the size that its header says or an Error of one line. What libjpeg,
 * libpng, libtiff and libwebp do by themselves is seen only where it ends the process.
 */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const std::vector<uint8_t> exact(data, data + size);
    const fuzz::Bytes bytes = std::as_bytes(std::span(exact));
    read(bytes);
    if (fuzz::text_of(bytes).starts_with("\x89PNG\r\n\x1A\n")) read(with_checksums(bytes));
    return 0;
}
