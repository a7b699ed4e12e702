#include "image/netpbm.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "image/format_headers.hpp"

namespace comq {

namespace {

constexpr std::string_view white_space = " \t\n\v\f\r";

/** Reads words separated by white space, without comments (# to the end of the line). */
class NetpbmText {
  public:
    NetpbmText(std::string_view text, const std::string& name) : text_(text), name_(name) {}

    int number() {
        skip_comments();
        const std::size_t end =
            std::min(text_.find_first_of("# \t\n\v\f\r", position_), text_.size());
        int value = 0;
        const auto parsed = std::from_chars(text_.data() + position_, text_.data() + end, value);
        if (end == position_ || parsed.ec != std::errc{} || parsed.ptr != text_.data() + end) {
            throw broken_image(name_, "a number is missing in the PPM, PGM or PBM");
        }
        position_ = end;
        return value;
    }

    /** 0 or 1; digits of bitmaps need no space between them. */
    int bit() {
        skip_comments();
        const char digit = position_ < text_.size() ? text_[position_++] : ' ';
        if (digit != '0' && digit != '1') throw broken_image(name_, "a bit is missing in the PBM");
        return digit - '0';
    }

    /** What follows the one space behind the header. */
    std::string_view raster() { return text_.substr(std::min(position_ + 1, text_.size())); }

  private:
    void skip_comments() {
        for (;;) {
            position_ = std::min(text_.find_first_not_of(white_space, position_), text_.size());
            if (position_ == text_.size() || text_[position_] != '#') return;
            position_ = std::min(text_.find_first_of("\r\n", position_), text_.size());
        }
    }

    std::string_view text_;
    std::size_t position_ = 2;  // behind P1–P6
    const std::string& name_;
};

/** Raw samples: big-endian, of as many bytes as the maximum needs. */
class NetpbmRaster {
  public:
    NetpbmRaster(std::string_view raster, int maximum, std::size_t samples, const std::string& name)
        : raster_(std::as_bytes(std::span(raster)), std::endian::big), wide_(maximum > 255) {
        if (raster.size() < (wide_ ? 2 : 1) * samples) {
            throw broken_image(name, "the PPM or PGM ends before its last row");
        }
    }
    int number() {
        const uint64_t at = next_++;
        return static_cast<int>(wide_ ? raster_.u16(2 * at) : raster_.u8(at));
    }

  private:
    FileBytes raster_;
    bool wide_;
    uint64_t next_ = 0;
};

/** The value of Pillow's 8-bit channel, from a sample of 0–`maximum`. */
uint8_t scaled(int sample, int maximum, bool grey) {
    const double full = grey && maximum > 255 ? 65535.0 : 255.0;
    // Doubles, half to even, as Python rounds.
    const double value = std::nearbyint(static_cast<double>(sample) / maximum * full);
    return static_cast<uint8_t>(std::min(value, 255.0));
}

template <typename Samples>
void read_samples(Samples& samples, int maximum, bool grey, bool plain, RgbImage& image,
                  const std::string& name) {
    const std::size_t copies = grey ? 3 : 1;
    for (std::size_t i = 0; i < image.pixels.size(); i += copies) {
        const int sample = samples.number();
        if (plain && (sample < 0 || sample > maximum)) {
            throw broken_image(name, "a value of the PPM or PGM is above its maximum");
        }
        std::fill_n(image.pixels.begin() + static_cast<std::ptrdiff_t>(i), copies,
                    scaled(sample, maximum, grey));
    }
}

void read_bits(NetpbmText& text, bool plain, RgbImage& image, const std::string& name) {
    const auto stride = static_cast<std::size_t>((image.width + 7) / 8);
    const std::string_view raster = plain ? std::string_view() : text.raster();
    if (!plain && raster.size() < stride * static_cast<std::size_t>(image.height)) {
        throw broken_image(name, "the PBM ends before its last row");
    }
    for (int y = 0; y < image.height; ++y) {
        uint8_t* row = image.row(y);
        for (int x = 0; x < image.width; ++x) {
            const auto at = static_cast<std::size_t>(y) * stride + static_cast<std::size_t>(x / 8);
            const int bit =
                plain ? text.bit() : static_cast<unsigned char>(raster[at]) >> (7 - x % 8) & 1;
            std::fill_n(row + 3 * x, 3, bit == 1 ? uint8_t{0} : uint8_t{255});
        }
    }
}

}  // namespace

RgbImage decode_netpbm(std::span<const std::byte> bytes, const std::string& name) {
    const std::string_view file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const int form = file[1] - '0';
    const bool plain = form <= 3;
    const bool bits = form == 1 || form == 4;
    const bool grey = form == 2 || form == 5;
    NetpbmText text(file, name);
    const int width = text.number();
    const int height = text.number();
    const int maximum = bits ? 1 : text.number();
    if (maximum < 1 || maximum > 65535) {
        throw broken_image(name, "the maximum of a PPM or PGM is 1 to 65535");
    }
    check_size(height, width, name);
    const std::size_t pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    // A plain sample takes a digit and a space: what the file can't hold isn't made room for.
    if (pixels / 8 > bytes.size()) throw broken_image(name, "it ends before its last row");
    RgbImage image{height, width, std::vector<uint8_t>(3 * pixels)};
    if (bits) {
        read_bits(text, plain, image, name);
    } else if (plain) {
        read_samples(text, maximum, grey, plain, image, name);
    } else {
        NetpbmRaster raster(text.raster(), maximum, grey ? pixels : 3 * pixels, name);
        read_samples(raster, maximum, grey, plain, image, name);
    }
    return image;
}

}  // namespace comq
