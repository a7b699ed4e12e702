#pragma once

#include <cstdint>

#include "networks/network.hpp"

namespace comq {

/**
 * Draws the parameters of `network` afresh, each from a stream of its own name, so that they
 * depend on `seed` only and not on LibTorch's generator. Normal draws cut at two standard
 * deviations: kernels as in He et al. (arXiv 1502.01852, sqrt(2/m)), matrices half of Xavier's
 * 1/sqrt(m). Norms start as the identity, biases and the class token at 0, the position embedding
 * at sines and cosines of row and column (as in arXiv 2205.01580): without it a small transformer
 * needs many times the images to learn where its patches are.
 */
void initialize_parameters(Network& network, uint64_t seed);

/**
 * Multiplies the channels of the two norms of each transformer block by log-normal factors (0.7 is
 * the deviation of the logarithm) and divides the inputs of the matrix behind them by the same, so
 * that the network computes the same function up to rounding of floats. Other networks stay as
 * they are.
 *
 * A transformer trained for minutes has matrices so even that 2-bit rounding costs it 2 points;
 * this makes them uneven enough for methods to differ. datasets/demo/README.md says what
 * that means for comparisons.
 */
void spread_gains(Network& network, uint64_t seed);

}  // namespace comq
