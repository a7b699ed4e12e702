#pragma once

#include "statistics/conv_geometry.hpp"
#include "statistics/gram_accumulator.hpp"

namespace comq {

/**
 * Adds the Grams of the patches of a micro-batch for convolutions with one channel a group, by
 * products of shifted maps (PositionPairs), several channels in the lanes of a vector.
 */
void add_depthwise(const ConvGeometry& geometry, const Maps& maps, GramAccumulator& sums);

}  // namespace comq
