#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace comq::test {

/** One value after the other, as the header of rounding_grid says, in fp32. */
inline float round_to_levels(float value, float minimum, float maximum, int bits, bool symmetric) {
    const auto top_code = static_cast<float>((1 << bits) - 1);
    float scale = 0;
    float lowest = 0;
    if (symmetric) {
        const int half = 1 << (bits - 1);
        scale = std::max(std::fabs(minimum), std::fabs(maximum)) / static_cast<float>(half - 1);
        lowest = static_cast<float>(-half);
    } else {
        minimum = std::min(minimum, 0.0F);
        scale = (std::max(maximum, 0.0F) - minimum) / top_code;
        lowest = scale > 0 ? std::nearbyint(minimum / scale) : 0.0F;
    }
    if (scale == 0) scale = 1;
    return std::clamp(std::nearbyint(value / scale), lowest, lowest + top_code) * scale;
}

/** All of `values` within their own extremes. */
inline std::vector<float> round_together(const std::vector<float>& values, int bits,
                                         bool symmetric) {
    const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
    const float minimum = *least, maximum = *greatest;
    std::vector<float> rounded;
    for (const float value : values) {
        rounded.push_back(round_to_levels(value, minimum, maximum, bits, symmetric));
    }
    return rounded;
}

}  // namespace comq::test
