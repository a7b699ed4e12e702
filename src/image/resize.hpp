#pragma once

#include "image/preprocessing.hpp"
#include "image/rgb_image.hpp"

namespace comq {

struct ImageSize {
    int height = 0;
    int width = 0;
    bool operator==(const ImageSize&) const = default;
};

/** A rectangle of pixels. */
struct Box {
    int top = 0;
    int left = 0;
    int height = 0;
    int width = 0;
};

/**
 * Resamples to `size` with the bytes of Pillow's `Image.resize` (no reducing gap): a filter that
 * widens with the downscaling factor, rows first, weights in 22-bit fixed point, rounded to 8 bits
 * between the passes. OpenCV's and LibTorch's resampling differ and cost about 1 point of Top-1.
 */
RgbImage resize(const RgbImage& image, ImageSize size, Interpolation interpolation);
inline RgbImage resize(const RgbImage& image, int height, int width, Interpolation interpolation) {
    return resize(image, ImageSize{height, width}, interpolation);
}

/** The pixels of `window` (inside `size`) of what `resize` gives; computes no others. */
RgbImage resize_window(const RgbImage& image, ImageSize size, const Box& window,
                       Interpolation interpolation);

/** torchvision's `Resize(int)`: shorter side `shorter`, the longer one truncated, not rounded. */
ImageSize shorter_side_size(ImageSize size, int shorter);

/**
 * torchvision's `CenterCrop`: the offset is rounded half to even; an image smaller than the crop
 * is padded with black. The box may reach beyond the image (negative top, left).
 */
Box center_box(ImageSize size, ImageSize crop);
RgbImage center_crop(const RgbImage& image, int height, int width);

/** The pixels of `box`, black where it reaches beyond the image. */
RgbImage crop(const RgbImage& image, const Box& box);

}  // namespace comq
