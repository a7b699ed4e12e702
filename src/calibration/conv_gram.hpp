#pragma once

#include "torch_bridge/torch.hpp"

#include "networks/layers.hpp"
#include "statistics/conv_geometry.hpp"
#include "statistics/gram_accumulator.hpp"

namespace comq {

// Grams of the patches of a micro-batch, built without the im2col matrix. `sums` holds them with
// the positions of the kernel outermost: coordinate position·(channels per group) + channel.

/** fp32 rounding grows with the rows of one product: up to this many, the relative error of a Gram
 *  was measured as 1.4e-7 or less (tests/calibration holds it below 2e-7). */
inline constexpr int64_t rows_per_product = 2048;

/**
 * Adds XᵀX of `[groups, m, N]`, N ≤ rows_per_product: only the lower triangle where there is one
 * group.
 */
void add_product(const torch::Tensor& transposed_rows, GramAccumulator& sums);

/** Adds XᵀX of `[groups, N, m]`, any N, as products of at most rows_per_product rows. */
void add_rows_in_portions(const torch::Tensor& rows, GramAccumulator& sums);

/** From patches gathered for a strip of outputs at a time, for few channels. */
void add_gathered_patches(const ConvGeometry& geometry, const Maps& maps,
                          std::span<const OutputRun> runs, GramAccumulator& sums);

/**
 * From products of shifted maps: the block of two kernel positions depends, but for the borders, on
 * their distance only, so a 3×3 kernel needs 13 distances instead of 45 blocks. Borders are sums of
 * their own that are added where they belong, never subtracted, so a diagonal stays a sum of
 * squares.
 */
void add_shifted_products(const ConvGeometry& geometry, const Maps& maps, GramAccumulator& sums);

/** How a convolution cuts maps `[B, C, H, W]`. */
ConvGeometry geometry_of(const Conv2dOptions& convolution, const torch::Tensor& maps);

/**
 * Adds the Gram of all patches that `geometry` cuts from contiguous fp32 maps on the CPU, in the
 * way of those above or of depthwise_gram.hpp that suits it best. Coordinates have the positions of
 * the kernel outermost, as there.
 */
void add_all_patches(const ConvGeometry& geometry, const torch::Tensor& maps,
                     GramAccumulator& sums);

/** Coordinates [positions, channels] in the order [channels, positions] that weights have. */
PackedTriangle channels_outermost(PackedTriangle triangle, int64_t positions);

}  // namespace comq
