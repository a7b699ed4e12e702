#include "quantization/grid.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/check.hpp"

namespace comq {
namespace {

struct ScaleAndZero {
    float scale;
    float zero_point;
};

/** Levels whose first one is exactly `value`, for a channel that has no other. */
ScaleAndZero constant_levels(float value) {
    if (value == 0) return {1.0F, 0.0F};
    return {std::fabs(value), value < 0 ? -1.0F : 1.0F};
}

/** A multiple of `step`, or the value itself where that is 0. */
double on_step(double value, double step, double (*round)(double)) {
    return step == 0 ? value : round(value / step) * step;
}

ScaleAndZero minmax_levels(float lowest, float highest, int bits, double scalar,
                           const LevelRule& rule) {
    const int top_code = (1 << bits) - 1;
    if (rule.symmetric) {
        const float largest = std::max(std::fabs(lowest), std::fabs(highest));
        const auto scaled =
            static_cast<float>(scalar * 2 * static_cast<double>(largest) / top_code);
        if (!(scaled > 0)) return constant_levels(0);
        return {scaled, static_cast<float>(-on_step(0.5 * top_code, rule.zero_step, std::ceil))};
    }
    const float scale = (highest - lowest) / static_cast<float>(top_code);
    const auto scaled = static_cast<float>(scalar * static_cast<double>(scale));
    // A range that underflows in fp32 leaves no δ to divide by, just as a constant channel does.
    if (!(scaled > 0) || !std::isfinite(lowest / scale)) return constant_levels(lowest);
    const auto zero_point = static_cast<double>(lowest / scale);
    return {scaled, static_cast<float>(on_step(zero_point, rule.zero_step, round_half_even))};
}

/** The least and the greatest of `count` values, count > 0; side by side, which is much faster. */
std::pair<float, float> extremes(const float* value, int64_t count) {
    constexpr int64_t lanes = 8;
    std::array<float, lanes> low;
    std::array<float, lanes> high;
    low.fill(value[0]);
    high.fill(value[0]);
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        for (int64_t k = 0; k < lanes; ++k) {
            low[k] = std::min(low[k], value[i + k]);
            high[k] = std::max(high[k], value[i + k]);
        }
    }
    for (; i < count; ++i) {
        low[0] = std::min(low[0], value[i]);
        high[0] = std::max(high[0], value[i]);
    }
    return {std::ranges::min(low), std::ranges::max(high)};
}

Grid uniform_grid(int64_t channels, int bits, ScaleAndZero levels) {
    const auto n = static_cast<std::size_t>(channels);
    return {bits, std::vector<float>(n, levels.scale), std::vector<float>(n, levels.zero_point)};
}

}  // namespace

int64_t scale_groups(int64_t in_features, int64_t most) {
    int64_t width = std::min(most, in_features);
    while (in_features % width != 0) --width;
    return in_features / width;
}

Grid minmax_grid(Granularity granularity, MatrixView<const float> weight, int bits, double scalar,
                 const LevelRule& rule, int64_t groups) {
    COMQ_CHECK(weight.rows > 0 && weight.cols > 0);
    if (granularity == Granularity::per_layer) {
        float lowest = weight(0, 0);
        float highest = weight(0, 0);
        for (int64_t j = 0; j < weight.rows; ++j) {
            const auto [low, high] = extremes(weight.row(j), weight.cols);
            lowest = std::min(lowest, low);
            highest = std::max(highest, high);
        }
        return uniform_grid(weight.rows, bits, minmax_levels(lowest, highest, bits, scalar, rule));
    }
    if (granularity == Granularity::per_channel) groups = 1;
    COMQ_CHECK(weight.cols % groups == 0);
    const int64_t width = weight.cols / groups;
    Grid grid{bits, {}, {}, groups};
    for (int64_t j = 0; j < weight.rows; ++j) {
        for (int64_t g = 0; g < groups; ++g) {
            const auto [lowest, highest] = extremes(weight.row(j) + g * width, width);
            const ScaleAndZero found = minmax_levels(lowest, highest, bits, scalar, rule);
            grid.scale.push_back(found.scale);
            grid.zero_point.push_back(found.zero_point);
        }
    }
    return grid;
}

Grid symmetric_grid_per_layer(MatrixView<const float> weight, int bits, double scalar) {
    double sum_of_largest = 0;
    for (int64_t j = 0; j < weight.rows; ++j) {
        const auto [lowest, highest] = extremes(weight.row(j), weight.cols);
        sum_of_largest += std::max(std::fabs(lowest), std::fabs(highest));
    }
    const int half = 1 << (bits - 1);
    const auto scale =
        static_cast<float>(scalar * sum_of_largest / static_cast<double>(weight.rows * half));
    return uniform_grid(weight.rows, bits, {scale > 0 ? scale : 1.0F, static_cast<float>(-half)});
}

QuantizedWeight on_grid(Matrix<uint8_t> bit_code, const Grid& grid) {
    const int64_t n = bit_code.rows();
    COMQ_CHECK(grid.channels() == n);
    const uint8_t* codes = bit_code.data();
    COMQ_CHECK(std::all_of(codes, codes + n * bit_code.cols(),
                           [&](uint8_t code) { return code <= grid.top_code(); }));
    QuantizedWeight weight{std::move(bit_code), Matrix<float>(n, grid.groups),
                           Matrix<float>(n, grid.groups)};
    std::copy(grid.scale.begin(), grid.scale.end(), weight.scale.data());
    std::copy(grid.zero_point.begin(), grid.zero_point.end(), weight.zero_point.data());
    return weight;
}

}  // namespace comq
