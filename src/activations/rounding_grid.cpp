#include "activations/rounding_grid.hpp"

namespace comq {

torch::Tensor RoundingGrid::round(const torch::Tensor& values) const {
    auto multiple = (values / scale).round_();  // ties go to the even one
    return multiple.clamp_(lowest, lowest + top_code).mul_(scale);
}

RoundingGrid rounding_grid(const InputRange& range, int bits, bool symmetric) {
    const int64_t top_code = (int64_t{1} << bits) - 1;
    const auto or_one = [](const torch::Tensor& scale) {
        return torch::where(scale > 0, scale, torch::ones_like(scale));
    };
    if (symmetric) {
        const int64_t half = int64_t{1} << (bits - 1);
        const auto largest = torch::maximum(range.minimum.abs(), range.maximum.abs());
        return {or_one(largest / (half - 1)), torch::full_like(largest, -half), top_code};
    }
    const auto minimum = range.minimum.clamp_max(0);
    const auto maximum = range.maximum.clamp_min(0);
    const auto scale = or_one((maximum - minimum) / top_code);
    return {scale, (minimum / scale).round(), top_code};
}

}  // namespace comq
