#pragma once

#include "torch_bridge/torch.hpp"

#include "networks/observable.hpp"

namespace comq {

/**
 * The input of a layer as a contiguous `[outer, channels, inner]`, whatever its batch dimensions:
 * tokens by features for a Linear layer (inner 1), images by channels by pixels for a convolution.
 */
inline torch::Tensor channel_view(const Observable& layer, const torch::Tensor& input) {
    const auto values = input.contiguous();
    if (layer.channel_axis() == 1) return values.flatten(2);
    return values.view({-1, values.size(-1), 1});
}

}  // namespace comq
