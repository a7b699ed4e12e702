#pragma once

#include "networks/programs/layer_search.hpp"

namespace comq {

/**
 * Marks the layers that are not quantized by default: of those nearest to the logits the last, and,
 * in a network with attention, the convolution that cuts the images into patches.
 */
void choose_kept(const GraphFacts& facts, ProgramLayers& layers);

}  // namespace comq
