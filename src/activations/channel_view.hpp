#pragma once

#include "torch_bridge/torch.hpp"

#include "networks/layers.hpp"

namespace comq {

/**
 * The input of a layer as a contiguous `[outer, channels, inner]`, whatever its batch dimensions:
 * tokens by features for a Linear layer (inner 1), images by channels by pixels for a convolution.
 */
inline torch::Tensor channel_view(const QuantizableLayer& layer, const torch::Tensor& input) {
    const auto values = input.contiguous();
    if (layer.kind() == LayerKind::convolution) return values.flatten(2);
    return values.view({-1, values.size(-1), 1});
}

}  // namespace comq
