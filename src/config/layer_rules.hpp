#pragma once

#include <string>
#include <vector>

#include "config/experiment_config.hpp"

namespace comq {

/** Whether and how finely one layer is quantized. */
struct LayerDecision {
    std::string name;
    bool quantize = true;  ///< on entry: whether the default scope has the layer
    int bits = 4;
};

/**
 * Applies `quantization.layers` to all layers of a network: the first rule whose glob matches a
 * name decides, layers without one keep their default and quantization.bits. Throws UsageError
 * when a rule decides for no layer, or gives bits only to layers that stay unquantized.
 */
void apply_layer_rules(const QuantizationConfig& config, std::vector<LayerDecision>& layers);

}  // namespace comq
