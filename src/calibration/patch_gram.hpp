#pragma once

#include "torch_bridge/torch.hpp"

#include "networks/layers.hpp"
#include "statistics/conv_geometry.hpp"
#include "statistics/gram_accumulator.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/** How a convolution cuts maps `[B, C, H, W]`. */
ConvGeometry geometry_of(const Conv2dOptions& convolution, const torch::Tensor& maps);

/**
 * Adds the Gram of all patches that `geometry` cuts from contiguous fp32 maps on the CPU, in the
 * way of conv_gram.hpp or depthwise_gram.hpp that suits it best. Coordinates have the positions of
 * the kernel outermost, as there.
 */
void add_all_patches(const ConvGeometry& geometry, const torch::Tensor& maps,
                     GramAccumulator& sums);

/** Coordinates [positions, channels] in the order [channels, positions] that weights have. */
PackedTriangle channels_outermost(const PackedTriangle& triangle, int64_t positions);

}  // namespace comq
