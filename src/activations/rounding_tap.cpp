#include "activations/rounding_tap.hpp"

namespace comq {

namespace {

/** Broadcasts over the input of `layer`. */
torch::Tensor along_channels(const Observable& layer, const torch::Tensor& values,
                             torch::Device device) {
    const auto moved = values.to(device);
    if (layer.channel_axis() == -1 || moved.numel() == 1) return moved;
    return moved.view({-1, 1, 1});
}

InputRange range_of_tokens(const Observable& layer, const torch::Tensor& input) {
    if (layer.channel_axis() == 1) {
        return {input.amin({1, 2, 3}, /*keepdim=*/true), input.amax({1, 2, 3}, /*keepdim=*/true)};
    }
    return {input.amin(-1, /*keepdim=*/true), input.amax(-1, /*keepdim=*/true)};
}

}  // namespace

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

RoundingTap::RoundingTap(const std::vector<Network::LayerEntry>& layers, const InputRanges& ranges,
                         const ActivationConfig& config, torch::Device device)
    : config_(config) {
    for (const auto& entry : layers) {
        RoundingGrid& grid = grids_[entry.layer];
        if (!config.calibrated()) continue;
        const QuantizableLayer& layer = *entry.layer;
        const InputRange& range = ranges.at(layer.name());
        grid = rounding_grid({along_channels(layer, range.minimum, device),
                              along_channels(layer, range.maximum, device)},
                             *config.bits, config.symmetric);
    }
}

torch::Tensor RoundingTap::on_input(const Observable& layer, const torch::Tensor& input) {
    const auto found = grids_.find(&layer);
    if (found == grids_.end() || input.numel() == 0) return input;
    if (config_.calibrated()) return found->second.round(input);
    return rounding_grid(range_of_tokens(layer, input), *config_.bits, config_.symmetric)
        .round(input);
}

}  // namespace comq
