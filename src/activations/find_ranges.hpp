#pragma once

#include "torch_bridge/torch.hpp"

#include <map>
#include <string>
#include <vector>

#include "activations/activation_config.hpp"
#include "networks/network.hpp"
#include "passes/image_pass.hpp"

namespace comq {

/** Smallest and largest value of a layer's inputs, fp32 on the CPU: `[1]`, or `[channels]`. */
struct InputRange {
    torch::Tensor minimum;
    torch::Tensor maximum;
};

/** By the name of the layer. */
using InputRanges = std::map<std::string, InputRange>;

/**
 * The ranges of `config` of the inputs of `layers` on the images of `pass`, which is made once,
 * or twice for percentiles: they reach from the (100 − p)-th to the p-th, off by at most one of
 * 4096 equal bins, or of 256 where channels have ranges of their own. The same bits for any number
 * of threads; memory does not grow with the images. Throws what ImagePass does, and InputError
 * naming the first layer that had a NaN or infinite input, or has seen none.
 */
InputRanges find_ranges(const Network& network, const std::vector<Network::LayerEntry>& layers,
                        const ActivationConfig& config, const ImagePass& pass);

/**
 * The input of a layer as a contiguous `[outer, channels, inner]`, whatever its batch dimensions:
 * tokens by features for a Linear layer (inner 1), images by channels by pixels for a convolution.
 */
torch::Tensor channel_view(const Observable& layer, const torch::Tensor& input);

}  // namespace comq
