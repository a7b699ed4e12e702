#pragma once

#include <cstdint>
#include <vector>

#include "networks/network.hpp"

namespace comq {

/**
 * A layer whose output channels can be multiplied by s > 0, in the BatchNorm behind it where there
 * is one, when the layers that read them divide their inputs by s: what lies between is positively
 * homogeneous, f(s·x) = s·f(x), as ReLU and pooling are, or nothing at all, and ReLU6, SiLU and
 * GELU are not.
 */
struct EqualizedChannels {
    QuantizableLayer* layer;
    Observable* norm;  ///< BatchNorm behind it; null: none
    std::vector<QuantizableLayer*> readers;
};

/**
 * All of a network, in the order of their layers: nothing but the function tells. Channels are
 * multiplied by 32 and 1/32, and those are exempt from which the logits of an image of noise
 * depend. A layer is read by the one after it, or by the two that stand side by side there.
 */
std::vector<EqualizedChannels> find_equalizable(Network& network, int64_t image_size);

/**
 * Cross-layer equalization (Nagel et al., ICCV 2019, arXiv 1906.04721): s^share with
 *
 *     s_c = √(max|readers' weights of channel c| / max|layer's weights of channel c|),
 *
 * those of the layer as the norm multiplies them; with the share 1 both are equal then. Layers
 * that follow each other take turns until nothing moves. A channel without weights keeps its own.
 * The network computes the same function, up to rounding, with tensors of the same names. Throws
 * UsageError when there is nothing to equalize, or when the function changed.
 */
void equalize(Network& network, double share, int64_t image_size);

}  // namespace comq
