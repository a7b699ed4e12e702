#include "image/augment.hpp"

#include <algorithm>
#include <cmath>

namespace comq {

namespace {

constexpr double smallest_area = 0.08;
constexpr double smallest_ratio = 3.0 / 4.0;
constexpr double largest_ratio = 4.0 / 3.0;
constexpr uint64_t tries = 10;
constexpr uint64_t draws_a_try = 4;

int offset_below(const RandomStream& stream, uint64_t counter, int positions) {
    return static_cast<int>(stream.below(counter, static_cast<uint64_t>(positions)));
}

Box largest_central_box(ImageSize size) {
    const double ratio = static_cast<double>(size.width) / size.height;
    Box box{0, 0, size.height, size.width};
    if (ratio < smallest_ratio) {
        box.height = static_cast<int>(std::nearbyint(size.width / smallest_ratio));
    } else if (ratio > largest_ratio) {
        box.width = static_cast<int>(std::nearbyint(size.height * largest_ratio));
    }
    box.top = (size.height - box.height) / 2;
    box.left = (size.width - box.width) / 2;
    return box;
}

Box draw_box(ImageSize size, const RandomStream& stream) {
    const double area = static_cast<double>(size.height) * size.width;
    for (uint64_t attempt = 0; attempt < tries; ++attempt) {
        const uint64_t counter = attempt * draws_a_try;
        const double target =
            area * (smallest_area + (1.0 - smallest_area) * stream.uniform(counter));
        const double low = std::log(smallest_ratio);
        const double high = std::log(largest_ratio);
        const double ratio = std::exp(low + (high - low) * stream.uniform(counter + 1));
        const int width = static_cast<int>(std::nearbyint(std::sqrt(target * ratio)));
        const int height = static_cast<int>(std::nearbyint(std::sqrt(target / ratio)));
        if (width > 0 && width <= size.width && height > 0 && height <= size.height) {
            return {offset_below(stream, counter + 2, size.height - height + 1),
                    offset_below(stream, counter + 3, size.width - width + 1), height, width};
        }
    }
    return largest_central_box(size);
}

void mirror(RgbImage& image) {
    for (int y = 0; y < image.height; ++y) {
        uint8_t* row = image.row(y);
        for (int left = 0, right = image.width - 1; left < right; ++left, --right) {
            std::swap_ranges(row + 3 * left, row + 3 * left + 3, row + 3 * right);
        }
    }
}

RgbImage take(const RgbImage& image, const Preprocessing& preprocessing,
              const Augmentation& augmentation) {
    RgbImage result = resize(crop(image, augmentation.box), preprocessing.crop, preprocessing.crop,
                             preprocessing.interpolation);
    if (augmentation.flip) mirror(result);
    return result;
}

RandomStream stream_of(uint64_t seed, std::string_view image_id) {
    return RandomStream(seed, "augment").child(image_id);
}

}  // namespace

Augmentation draw_augmentation(ImageSize size, const RandomStream& stream) {
    return {draw_box(size, stream), stream.uniform(tries * draws_a_try) < 0.5};
}

RgbImage augment(const RgbImage& image, const Preprocessing& preprocessing, uint64_t seed,
                 std::string_view image_id) {
    return take(image, preprocessing,
                draw_augmentation({image.height, image.width}, stream_of(seed, image_id)));
}

Augmentation draw_near_view(ImageSize size, const Preprocessing& preprocessing,
                            const RandomStream& stream) {
    const int shorter = std::min(size.height, size.width);
    const double share = preprocessing.resize == 0
                             ? static_cast<double>(preprocessing.crop) / shorter
                             : static_cast<double>(preprocessing.crop) / preprocessing.resize;
    const double part = share * (0.9 + 0.2 * stream.uniform(0));
    const auto side_of = [&](int whole) {
        const int along = preprocessing.resize_mode == ResizeMode::squash ? whole : shorter;
        return std::clamp(static_cast<int>(std::nearbyint(along * part)), 1, along);
    };
    const int height = side_of(size.height);
    const int width = side_of(size.width);
    return {{offset_below(stream, 1, size.height - height + 1),
             offset_below(stream, 2, size.width - width + 1), height, width},
            stream.uniform(3) < 0.5};
}

RgbImage near_view(const RgbImage& image, const Preprocessing& preprocessing, uint64_t seed,
                   std::string_view image_id) {
    return take(
        image, preprocessing,
        draw_near_view({image.height, image.width}, preprocessing, stream_of(seed, image_id)));
}

}  // namespace comq
