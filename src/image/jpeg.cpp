#include "image/jpeg.hpp"

#include "image/jpeg_errors.hpp"
// After jpeglib.h.
#include <jerror.h>

#include <vector>

#include "core/errors.hpp"
#include "image/image_header.hpp"

namespace comq {

namespace {

extern "C" void comq_jpeg_emit_message(j_common_ptr info, int level) {
    // Level −1 is a warning. libjpeg would fill the missing rest of a file with grey.
    if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) comq_jpeg_error_exit(info);
}

/** Owns libjpeg's state; the only way out of an error in it is `longjmp`. */
class Decompressor {
  public:
    Decompressor() {
        info_.err = jpeg_std_error(&errors_.base);
        errors_.base.error_exit = comq_jpeg_error_exit;
        errors_.base.emit_message = comq_jpeg_emit_message;
    }
    ~Decompressor() { jpeg_destroy_decompress(&info_); }
    Decompressor(const Decompressor&) = delete;
    Decompressor& operator=(const Decompressor&) = delete;

    // The functions below hold no object with a destructor, because longjmp would skip it.
    bool read_header(std::span<const std::byte> bytes) {
        if (setjmp(errors_.on_error) != 0) return false;
        jpeg_create_decompress(&info_);
        jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes.data()),
                     static_cast<unsigned long>(bytes.size()));
        jpeg_read_header(&info_, TRUE);
        // Grey is written as RGB by libjpeg-turbo; it leaves CMYK to the caller.
        info_.out_color_space = info_.num_components == 4 ? JCS_CMYK : JCS_RGB;
        jpeg_calc_output_dimensions(&info_);
        return true;
    }

    bool start() {
        if (setjmp(errors_.on_error) != 0) return false;
        jpeg_start_decompress(&info_);
        return true;
    }

    /** Writes `[width, channels]` to `row`. */
    bool read_row(uint8_t* row) {
        if (setjmp(errors_.on_error) != 0) return false;
        jpeg_read_scanlines(&info_, &row, 1);
        return true;
    }

    bool finish() {
        if (setjmp(errors_.on_error) != 0) return false;
        jpeg_finish_decompress(&info_);
        return true;
    }

    int height() const { return static_cast<int>(info_.output_height); }
    int width() const { return static_cast<int>(info_.output_width); }
    int channels() const { return info_.out_color_components; }
    bool is_arithmetic() const { return info_.arith_code != 0; }
    const char* message() const { return errors_.message; }

  private:
    jpeg_decompress_struct info_{};
    JpegErrors errors_{};
};

/** a·b/255, rounded, for a, b in 0..255. */
int multiply_fractions(int a, int b) {
    const int product = a * b + 128;
    return (product + (product >> 8)) >> 8;
}

/** Inverted CMYK holds 255 − ink, so black is the light that K lets pass. */
void inverted_cmyk_to_rgb(std::span<const uint8_t> cmyk, uint8_t* rgb) {
    for (std::size_t i = 0, pixels = cmyk.size() / 4; i < pixels; ++i) {
        const int light = cmyk[4 * i + 3];
        for (std::size_t channel = 0; channel < 3; ++channel) {
            const int ink = 255 - cmyk[4 * i + channel];
            rgb[3 * i + channel] = static_cast<uint8_t>(light - multiply_fractions(ink, light));
        }
    }
}

/** Room for a row is taken when it is read, so that a file that ends early takes little. */
bool read_rows(Decompressor& decompressor, RgbImage& image) {
    const std::size_t width = static_cast<std::size_t>(image.width);
    std::vector<uint8_t> cmyk(decompressor.channels() == 4 ? 4 * width : 0);
    if (!decompressor.start()) return false;
    image.pixels.reserve(3 * width * static_cast<std::size_t>(image.height));
    for (int y = 0; y < image.height; ++y) {
        image.pixels.resize(image.pixels.size() + 3 * width);
        if (!decompressor.read_row(cmyk.empty() ? image.row(y) : cmyk.data())) return false;
        if (!cmyk.empty()) inverted_cmyk_to_rgb(cmyk, image.row(y));
    }
    return decompressor.finish();
}

}  // namespace

bool is_jpeg(std::span<const std::byte> bytes) {
    return bytes.size() >= 3 && bytes[0] == std::byte{0xFF} && bytes[1] == std::byte{0xD8} &&
           bytes[2] == std::byte{0xFF};
}

RgbImage decode_jpeg(std::span<const std::byte> bytes, const std::string& name) {
    Decompressor decompressor;
    if (!decompressor.read_header(bytes)) {
        throw InputError("{}: broken JPEG header: {}", name, decompressor.message());
    }
    check_size(decompressor.height(), decompressor.width(), name);
    RgbImage image{decompressor.height(), decompressor.width(), {}};
    const std::size_t pixels = static_cast<std::size_t>(image.height) * image.width;
    // A Huffman code takes a bit at least for a block of 64 pixels: what the file can't hold isn't
    // made room for.
    if (!decompressor.is_arithmetic() && pixels / 512 > bytes.size()) {
        throw InputError("{}: truncated or corrupt JPEG: {} bytes can't hold {} × {} pixels", name,
                         bytes.size(), image.width, image.height);
    }
    if (!read_rows(decompressor, image)) {
        throw InputError("{}: truncated or corrupt JPEG: {}", name, decompressor.message());
    }
    return image;
}

}  // namespace comq
