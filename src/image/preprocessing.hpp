#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "image/rgb_image.hpp"

namespace comq {

enum class Interpolation { bilinear, bicubic };

/** What becomes `resize` pixels long: the shorter side, the other in proportion, or both sides. */
enum class ResizeMode { shortest, squash };

/**
 * How a network wants its images, as its publisher evaluated it: resized to `resize` pixels
 * (0: no resizing), centre crop of `crop` × `crop`, x/255, then (x − mean) / std per channel.
 */
struct Preprocessing {
    int resize = 256;
    int crop = 224;
    Interpolation interpolation = Interpolation::bilinear;
    std::array<float, 3> mean{0.485F, 0.456F, 0.406F};
    std::array<float, 3> std{0.229F, 0.224F, 0.225F};
    ResizeMode resize_mode = ResizeMode::shortest;

    bool operator==(const Preprocessing&) const = default;

    /** One line that names every field: part of the identity of cached statistics. */
    std::string describe() const;
};

/** Resizes and crops; the result is `[crop, crop, 3]` (Pillow-exact, see resize.hpp). */
RgbImage resize_and_crop(const RgbImage& image, const Preprocessing& preprocessing);

/** Writes the normalised image as `[3, height, width]` floats to `output`. */
void normalize(const RgbImage& image, const Preprocessing& preprocessing, float* output);

}  // namespace comq
