#include "image/resize.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/check.hpp"
#include "core/simd.hpp"

namespace comq {

namespace {

constexpr int coefficient_bits = 22;
constexpr int32_t one_half = 1 << (coefficient_bits - 1);

double support_of(Interpolation interpolation) {
    return interpolation == Interpolation::bilinear ? 1.0 : 2.0;
}

double filter(Interpolation interpolation, double x) {
    x = std::abs(x);
    if (interpolation == Interpolation::bilinear) return x < 1.0 ? 1.0 - x : 0.0;
    // Keys' cubic; the order of operations decides the last bit of a weight.
    constexpr double a = -0.5;
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

/** Which inputs, with which weights, make the outputs [begin, end) of one axis. */
struct Taps {
    int begin = 0;
    int width = 0;  ///< room for the weights of one output
    std::vector<int> first;
    std::vector<int> count;
    std::vector<int32_t> weights;

    const int32_t* weights_of(int output) const {
        return weights.data() + static_cast<std::size_t>(output - begin) * width;
    }
    int first_of(int output) const { return first[static_cast<std::size_t>(output - begin)]; }
    int count_of(int output) const { return count[static_cast<std::size_t>(output - begin)]; }
    int first_input() const { return first.front(); }
    int last_input() const { return first.back() + count.back(); }
};

Taps make_taps(int inputs, int outputs, int begin, int end, Interpolation interpolation) {
    const double scale = static_cast<double>(inputs) / outputs;
    const double filter_scale = std::max(scale, 1.0);
    const double support = support_of(interpolation) * filter_scale;
    Taps taps;
    taps.begin = begin;
    taps.width = static_cast<int>(std::ceil(support)) * 2 + 1;
    taps.weights.resize(static_cast<std::size_t>(end - begin) * taps.width);
    std::vector<double> weights(static_cast<std::size_t>(taps.width));
    for (int output = begin; output < end; ++output) {
        const double center = (output + 0.5) * scale;
        const int first = std::max(0, static_cast<int>(center - support + 0.5));
        const int last = std::min(inputs, static_cast<int>(center + support + 0.5));
        double sum = 0.0;
        for (int i = first; i < last; ++i) {
            const double weight = filter(interpolation, (i - center + 0.5) * (1.0 / filter_scale));
            weights[static_cast<std::size_t>(i - first)] = weight;
            sum += weight;
        }
        int32_t* fixed =
            taps.weights.data() + static_cast<std::size_t>(output - begin) * taps.width;
        for (int i = 0; i < last - first; ++i) {
            const double weight = weights[static_cast<std::size_t>(i)] / sum;
            fixed[i] =
                static_cast<int32_t>(std::copysign(0.5, weight) + weight * (1 << coefficient_bits));
        }
        taps.first.push_back(first);
        taps.count.push_back(last - first);
    }
    return taps;
}

uint8_t to_byte(int32_t sum) {
    return static_cast<uint8_t>(std::clamp(sum >> coefficient_bits, 0, 255));
}

/** A pixel in a vector register; the fourth lane idles. */
constexpr int lanes = 4;

/** Rows [begin, end) of `image`, resampled across; the result is `[end − begin, outputs, 3]`. */
RgbImage resample_rows(const RgbImage& image, const Taps& taps, int outputs, int begin, int end) {
    RgbImage result{end - begin, outputs, {}};
    result.pixels.resize(static_cast<std::size_t>(result.height) * outputs * 3);
    const int first = taps.first_input();
    const auto inputs = static_cast<std::size_t>(taps.last_input() - first);
    std::vector<int32_t> pixels(lanes * inputs);
    for (int y = begin; y < end; ++y) {
        const uint8_t* source = image.row(y) + 3 * static_cast<std::size_t>(first);
        for (std::size_t x = 0; x < inputs; ++x) {
            for (std::size_t c = 0; c < 3; ++c) pixels[lanes * x + c] = source[3 * x + c];
        }
        uint8_t* target = result.row(y - begin);
        for (int output = taps.begin; output < taps.begin + outputs; ++output, target += 3) {
            const int32_t* weights = taps.weights_of(output);
            const int32_t* input =
                &pixels[static_cast<std::size_t>(lanes * (taps.first_of(output) - first))];
            Vector<int32_t, lanes> sum = {one_half, one_half, one_half, 0};
            for (int i = 0, n = taps.count_of(output); i < n; ++i) {
                sum += vector_at<lanes>(input + lanes * i) * weights[i];
            }
            for (int channel = 0; channel < 3; ++channel) target[channel] = to_byte(sum[channel]);
        }
    }
    return result;
}

/** Columns of `image`, whose row 0 is row `first_row` of the input, resampled downwards. */
RgbImage resample_columns(const RgbImage& image, int first_row, const Taps& taps, int outputs) {
    RgbImage result{outputs, image.width, {}};
    const std::size_t stride = static_cast<std::size_t>(image.width) * 3;
    result.pixels.resize(static_cast<std::size_t>(outputs) * stride);
    std::vector<int32_t> sums(stride);
    for (int y = 0; y < outputs; ++y) {
        const int32_t* weights = taps.weights_of(taps.begin + y);
        const int first = taps.first_of(taps.begin + y) - first_row;
        std::fill(sums.begin(), sums.end(), one_half);
        for (int i = 0, n = taps.count_of(taps.begin + y); i < n; ++i) {
            const uint8_t* source = image.row(first + i);
            const int32_t weight = weights[i];
            for (std::size_t x = 0; x < stride; ++x) sums[x] += source[x] * weight;
        }
        uint8_t* target = result.row(y);
        for (std::size_t x = 0; x < stride; ++x) target[x] = to_byte(sums[x]);
    }
    return result;
}

int round_half_to_even(int twice) { return (twice + (twice / 2) % 2) / 2; }

int center_offset(int size, int crop) {
    return crop > size ? -((crop - size) / 2) : round_half_to_even(size - crop);
}

}  // namespace

RgbImage resize_window(const RgbImage& image, ImageSize size, const Box& window,
                       Interpolation interpolation) {
    COMQ_CHECK(image.height > 0 && image.width > 0 && window.height > 0 && window.width > 0);
    COMQ_CHECK(window.top >= 0 && window.top + window.height <= size.height);
    COMQ_CHECK(window.left >= 0 && window.left + window.width <= size.width);
    // An axis that keeps its length has one weight of exactly one: a pass over it changes nothing.
    const Taps vertical =
        make_taps(image.height, size.height, window.top, window.top + window.height, interpolation);
    const int first_row = vertical.first_input();
    const int last_row = vertical.last_input();
    const RgbImage across =
        image.width == size.width
            ? crop(image, {first_row, window.left, last_row - first_row, window.width})
            : resample_rows(image,
                            make_taps(image.width, size.width, window.left,
                                      window.left + window.width, interpolation),
                            window.width, first_row, last_row);
    if (image.height == size.height) {
        return crop(across, {window.top - first_row, 0, window.height, window.width});
    }
    return resample_columns(across, first_row, vertical, window.height);
}

RgbImage resize(const RgbImage& image, ImageSize size, Interpolation interpolation) {
    return resize_window(image, size, {0, 0, size.height, size.width}, interpolation);
}

ImageSize shorter_side_size(ImageSize size, int shorter) {
    const auto longer = [shorter](int long_side, int short_side) {
        return static_cast<int>(static_cast<double>(static_cast<int64_t>(shorter) * long_side) /
                                short_side);
    };
    if (size.width <= size.height) return {longer(size.height, size.width), shorter};
    return {shorter, longer(size.width, size.height)};
}

Box center_box(ImageSize size, ImageSize crop) {
    return {center_offset(size.height, crop.height), center_offset(size.width, crop.width),
            crop.height, crop.width};
}

RgbImage crop(const RgbImage& image, const Box& box) {
    RgbImage result{box.height, box.width, {}};
    result.pixels.resize(static_cast<std::size_t>(box.height) * box.width * 3);
    const int left = std::max(0, box.left);
    const int right = std::min(image.width, box.left + box.width);
    if (left >= right) return result;
    const int bottom = std::min(image.height, box.top + box.height);
    for (int y = std::max(0, box.top); y < bottom; ++y) {
        std::memcpy(result.row(y - box.top) + 3 * static_cast<std::size_t>(left - box.left),
                    image.row(y) + 3 * static_cast<std::size_t>(left),
                    3 * static_cast<std::size_t>(right - left));
    }
    return result;
}

RgbImage center_crop(const RgbImage& image, int height, int width) {
    return crop(image, center_box({image.height, image.width}, {height, width}));
}

}  // namespace comq
