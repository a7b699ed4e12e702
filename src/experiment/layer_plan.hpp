#pragma once

#include <string>
#include <vector>

#include "networks/network.hpp"
#include "quantization/quantization_config.hpp"

namespace comq {

/** A layer that will be quantized. */
struct PlannedLayer {
    Network::LayerEntry entry;
    int bits;
    bool bits_given = false;  ///< by a rule of `quantization.layers`
};

/** Which layers of a network are quantized, at how many bits; in the order of the network. */
struct LayerPlan {
    std::vector<PlannedLayer> layers;
    std::vector<std::string> left_out;  ///< names of the layers that keep their float weights

    std::vector<Network::LayerEntry> entries() const;
};

/**
 * The network's default scope, changed by the rules of `quantization.layers`: the first rule that
 * matches a layer decides whether it is quantized and at how many bits; the others have
 * `quantization.bits`, which the stage choose_bits replaces under an average.
 * Throws UsageError naming a rule that decides for no layer: it matches none, or earlier rules
 * match all that it matches.
 */
LayerPlan plan_layers(const Network& network, const QuantizationConfig& config);

/** "linear" or "convolution", as results name it. */
const char* kind_of(const QuantizableLayer& layer);
/** The narrowest kind that a rule can name: "linear", "depthwise", "pointwise", … */
const char* narrowest_kind(const QuantizableLayer& layer);

/** True when `glob` (with `*` and `?`; both also match dots) matches the whole of `name`. */
bool glob_matches(const std::string& glob, const std::string& name);

}  // namespace comq
