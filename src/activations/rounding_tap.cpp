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
