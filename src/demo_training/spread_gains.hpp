#pragma once

#include <cstdint>

#include "networks/network.hpp"

namespace comq {

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
