#pragma once

#include "torch_bridge/torch.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "core/errors.hpp"
#include "networks/network.hpp"

namespace comq {

/** How rows of X are weighted by what their outputs mean to the network. */
struct FisherWeighting {
    double power = 0.5;  ///< of the mean squared gradient
    double share = 0.9;  ///< of the weighted Gram in the mixture with the plain one
    uint64_t seed = 0;   ///< of the labels that are drawn
};

/** What a layer saw of one batch in one of its calls, and what the rows of that weigh. */
struct WeightedInput {
    const QuantizableLayer& layer;
    std::size_t call;  ///< from 0
    const torch::Tensor& input;
    const torch::Tensor& weight;  ///< [groups, N]
};
using RowWeightVisitor = std::function<void(const WeightedInput&)>;

/**
 * A forward and a backward pass of `pixels` [B, 3, H, W], whose images have the indices `images`;
 * calls `visit` once for each call of each layer that is `wanted`. The weight of row t is w_t =
 * c·(mean over the layer's outputs of the squared gradient at row t)^power, the gradient being that
 * of the cross-entropy to a label drawn from the network's own prediction and c the same for all
 * rows and layers. With power 1 that is the diagonal of the Fisher information of the outputs; no
 * true label is read. Which label an image gets depends on the seed and its index alone. No
 * parameter gets a gradient.
 */
void visit_row_weights(const Network& network, const torch::Tensor& pixels,
                       std::span<const int64_t> images, const FisherWeighting& weighting,
                       const std::function<bool(const QuantizableLayer&)>& wanted,
                       const RowWeightVisitor& visit);

/** What to throw when a weight of `layer` is NaN or infinite. */
InputError non_finite_gradients(const QuantizableLayer& layer);

}  // namespace comq
