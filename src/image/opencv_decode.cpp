#include "image/opencv_decode.hpp"

#include <iostream>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <streambuf>
#include <vector>

#include "core/errors.hpp"
#include "image/png_chunks.hpp"

namespace comq {

namespace {

thread_local bool is_decoding = false;

/** Drops what OpenCV says of a file on std::cerr: the error that names the file says it. */
class DropWhileDecoding final : public std::streambuf {
  public:
    explicit DropWhileDecoding(std::streambuf* behind) : behind_(behind) {}

  protected:
    int_type overflow(int_type character) override {
        return is_decoding ? traits_type::not_eof(character)
                           : behind_->sputc(traits_type::to_char_type(character));
    }
    std::streamsize xsputn(const char* text, std::streamsize count) override {
        return is_decoding ? count : behind_->sputn(text, count);
    }
    int sync() override { return behind_->pubsync(); }

  private:
    std::streambuf* behind_;
};

/** Before main, while no other thread writes; never destroyed, for destructors of statics write. */
[[maybe_unused]] const auto* const standard_error =
    std::cerr.rdbuf(new DropWhileDecoding(std::cerr.rdbuf()));

/** While it lives, OpenCV says nothing on this thread, however decoding ends. */
struct Decoding {
    Decoding() { is_decoding = true; }
    ~Decoding() { is_decoding = false; }
    Decoding(const Decoding&) = delete;
    Decoding& operator=(const Decoding&) = delete;
};

cv::Mat read_matrix(std::span<const std::byte> bytes, int flags, const std::string& name) {
    // OpenCV only reads from the buffer, though its header is not const.
    auto* data = const_cast<std::byte*>(bytes.data());
    const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8UC1, data);
    cv::Mat image;
    try {
        const Decoding decoding;
        image = cv::imdecode(buffer, flags | cv::IMREAD_IGNORE_ORIENTATION);
    } catch (const cv::Exception& error) {
        throw InputError("{}: can't be decoded: {}", name, error.err);
    }
    if (image.empty()) {
        throw InputError("{}: cut short or corrupt", name);
    }
    return image;
}

bool is_png(std::span<const std::byte> bytes) {
    return bytes.size() > 25 && bytes[0] == std::byte{0x89} && bytes[1] == std::byte{'P'};
}

/** True for a PNG of 16-bit grey without alpha (bit depth at byte 24, colour type at 25). */
bool is_gray16_png(std::span<const std::byte> bytes) {
    return is_png(bytes) && bytes[24] == std::byte{16} && bytes[25] == std::byte{0};
}

/** Pillow saturates 16-bit grey to 255 (but takes the high byte of 16-bit colours). */
RgbImage decode_gray16(std::span<const std::byte> bytes, const std::string& name) {
    cv::Mat gray;
    read_matrix(bytes, cv::IMREAD_GRAYSCALE | cv::IMREAD_ANYDEPTH, name).convertTo(gray, CV_8U);
    RgbImage image{gray.rows, gray.cols, {}};
    image.pixels.reserve(gray.total() * 3);
    for (int y = 0; y < gray.rows; ++y) {
        for (int x = 0; x < gray.cols; ++x) {
            image.pixels.insert(image.pixels.end(), 3, gray.at<uint8_t>(y, x));
        }
    }
    return image;
}

}  // namespace

RgbImage decode_by_opencv(std::span<const std::byte> bytes, const std::string& name) {
    std::vector<std::byte> png;
    if (is_png(bytes)) {
        png = png_chunks_of_pixels(bytes);
        bytes = png;
    }
    if (is_gray16_png(bytes)) return decode_gray16(bytes, name);

    const cv::Mat bgr = read_matrix(bytes, cv::IMREAD_COLOR, name);
    RgbImage image{bgr.rows, bgr.cols, {}};
    image.pixels.resize(static_cast<std::size_t>(bgr.rows) * bgr.cols * 3);
    for (int y = 0; y < bgr.rows; ++y) {
        const uint8_t* source = bgr.ptr<uint8_t>(y);
        uint8_t* target = image.row(y);
        for (int x = 0; x < 3 * bgr.cols; x += 3) {
            target[x] = source[x + 2];
            target[x + 1] = source[x + 1];
            target[x + 2] = source[x];
        }
    }
    return image;
}

std::string opencv_version() { return CV_VERSION; }

}  // namespace comq
