#include "image/preprocessing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "image/resize.hpp"

namespace comq {

namespace {

RgbImage resize_then_crop(const RgbImage& image, ImageSize size, ImageSize wanted,
                          Interpolation interpolation) {
    const Box box = center_box(size, wanted);
    const Box visible{std::max(0, box.top), std::max(0, box.left),
                      std::min(size.height, box.height), std::min(size.width, box.width)};
    RgbImage window = resize_window(image, size, visible, interpolation);
    if (visible.height == box.height && visible.width == box.width) return window;
    return crop(window, {box.top - visible.top, box.left - visible.left, box.height, box.width});
}

}  // namespace

std::string Preprocessing::describe() const {
    return fmt::format("resize {} {}{}, crop {}, mean [{}, {}, {}], std [{}, {}, {}]", resize,
                       interpolation == Interpolation::bilinear ? "bilinear" : "bicubic",
                       resize_mode == ResizeMode::squash ? " both sides" : "", crop, mean[0],
                       mean[1], mean[2], std[0], std[1], std[2]);
}

RgbImage resize_and_crop(const RgbImage& image, const Preprocessing& preprocessing) {
    const ImageSize wanted{preprocessing.crop, preprocessing.crop};
    if (preprocessing.resize == 0) return center_crop(image, wanted.height, wanted.width);
    const int resize = preprocessing.resize;
    const ImageSize size = preprocessing.resize_mode == ResizeMode::squash
                               ? ImageSize{resize, resize}
                               : shorter_side_size({image.height, image.width}, resize);
    return resize_then_crop(image, size, wanted, preprocessing.interpolation);
}

void normalize(const RgbImage& image, const Preprocessing& preprocessing, float* output) {
    const std::size_t pixels = static_cast<std::size_t>(image.height) * image.width;
    for (std::size_t channel = 0; channel < 3; ++channel) {
        // Division after subtraction, both in float: the bits LibTorch's transforms give.
        std::array<float, 256> value;
        for (std::size_t byte = 0; byte < value.size(); ++byte) {
            value[byte] = (static_cast<float>(byte) / 255.0F - preprocessing.mean[channel]) /
                          preprocessing.std[channel];
        }
        const uint8_t* source = image.pixels.data() + channel;
        float* target = output + channel * pixels;
        for (std::size_t i = 0; i < pixels; ++i) target[i] = value[source[3 * i]];
    }
}

}  // namespace comq
