#include "activations/input_range.hpp"

#include "activations/channel_view.hpp"
#include "core/errors.hpp"

namespace comq {

RangeTap::RangeTap(const std::vector<Network::LayerEntry>& layers,
                   ActivationGranularity granularity)
    : granularity_(granularity) {
    for (const auto& entry : layers) {
        layers_.push_back(entry.layer);
        ranges_[entry.layer];
    }
}

torch::Tensor RangeTap::on_input(const Observable& layer, const torch::Tensor& input) {
    const auto found = ranges_.find(&layer);
    if (found == ranges_.end() || input.numel() == 0) return input;
    InputRange batch;
    if (granularity_ == ActivationGranularity::per_channel) {
        const auto values = channel_view(layer, input);
        batch = {values.amin({0, 2}).to(torch::kCPU), values.amax({0, 2}).to(torch::kCPU)};
    } else {
        batch = {input.amin().view({1}).to(torch::kCPU), input.amax().view({1}).to(torch::kCPU)};
    }
    const std::scoped_lock guard(mutex_);
    InputRange& range = found->second;
    if (range.minimum.defined()) {
        // Both hand a NaN on.
        range = {torch::minimum(range.minimum, batch.minimum),
                 torch::maximum(range.maximum, batch.maximum)};
    } else {
        range = batch;
    }
    return input;
}

InputRanges RangeTap::ranges() const {
    InputRanges ranges;
    for (const auto* layer : layers_) {
        const InputRange& range = ranges_.at(layer);
        if (!range.minimum.defined()) {
            throw InputError(
                "layer {}: saw no calibration image that can be read, so its inputs have no range; "
                "check data.calibration",
                layer->name());
        }
        if (!range.minimum.isfinite().all().item<bool>() ||
            !range.maximum.isfinite().all().item<bool>()) {
            throw InputError("layer {}: an input is NaN or infinite; check the checkpoint",
                             layer->name());
        }
        ranges[layer->name()] = range;
    }
    return ranges;
}

}  // namespace comq
