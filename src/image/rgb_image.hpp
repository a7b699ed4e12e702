#pragma once

#include <cstdint>
#include <vector>

namespace comq {

/** An 8-bit RGB image, `[height, width, 3]` row-major. */
struct RgbImage {
    int height = 0;
    int width = 0;
    std::vector<uint8_t> pixels;

    uint8_t* row(int y) { return pixels.data() + static_cast<std::size_t>(y) * width * 3; }
    const uint8_t* row(int y) const {
        return pixels.data() + static_cast<std::size_t>(y) * width * 3;
    }
};

}  // namespace comq
