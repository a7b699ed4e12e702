#include "image/encode_jpeg.hpp"

#include <cstdlib>

#include "core/errors.hpp"
#include "image/jpeg_errors.hpp"

namespace comq {

namespace {

/** Owns libjpeg's state and the memory that it writes to. */
class Compressor {
  public:
    Compressor() {
        info_.err = jpeg_std_error(&errors_.base);
        errors_.base.error_exit = comq_jpeg_error_exit;
    }
    ~Compressor() {
        jpeg_destroy_compress(&info_);
        std::free(bytes_);
    }
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;

    // Holds no object with a destructor, because longjmp would skip it.
    bool write(const RgbImage& image, int quality) {
        if (setjmp(errors_.on_error) != 0) return false;
        jpeg_create_compress(&info_);
        jpeg_mem_dest(&info_, &bytes_, &size_);
        info_.image_width = static_cast<JDIMENSION>(image.width);
        info_.image_height = static_cast<JDIMENSION>(image.height);
        info_.input_components = 3;
        info_.in_color_space = JCS_RGB;
        jpeg_set_defaults(&info_);
        jpeg_set_quality(&info_, quality, TRUE);
        jpeg_start_compress(&info_, TRUE);
        while (info_.next_scanline < info_.image_height) {
            // libjpeg reads only, but its rows are not const.
            auto* row = const_cast<JSAMPLE*>(image.row(static_cast<int>(info_.next_scanline)));
            jpeg_write_scanlines(&info_, &row, 1);
        }
        jpeg_finish_compress(&info_);
        return true;
    }

    std::vector<std::byte> bytes() const {
        const auto* first = reinterpret_cast<const std::byte*>(bytes_);
        return {first, first + size_};
    }
    const char* message() const { return errors_.message; }

  private:
    jpeg_compress_struct info_{};
    JpegErrors errors_{};
    unsigned char* bytes_ = nullptr;
    unsigned long size_ = 0;
};

}  // namespace

std::vector<std::byte> encode_jpeg(const RgbImage& image, int quality) {
    Compressor compressor;
    if (!compressor.write(image, quality)) {
        throw Failure("an image of {} x {} can't be written as JPEG: {}", image.width, image.height,
                      compressor.message());
    }
    return compressor.bytes();
}

}  // namespace comq
