#pragma once

#include "torch_bridge/torch.hpp"

#include <vector>

#include "networks/network.hpp"

namespace comq {

/** A convolution and the BatchNorm that its output goes through, and nothing else. */
struct ConvNormPair {
    Observable* convolution;
    Observable* norm;
};

/** Every pair of a network, in the order of its observables. */
std::vector<ConvNormPair> conv_norm_pairs(const Network& network);

/**
 * Moves the scale γ/√(σ² + ε) of each BatchNorm into the weight (and bias, if any) of its
 * convolution. The norm stays in place as an addition of its shift, so names and shapes of the
 * network do not change; nor does its function, up to rounding, which is checked on an image of
 * noise: Failure when the outputs differ. Returns the number of pairs.
 */
int64_t fold_batch_norm(Network& network, int64_t image_size);

}  // namespace comq
