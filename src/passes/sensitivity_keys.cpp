#include "passes/sensitivity_keys.hpp"

namespace comq {

Schema<SensitivityConfig, RunKey> sensitivity_keys() {
    using enum Effect;
    Schema<SensitivityConfig, RunKey> keys;
    keys.add({.key = "bits",
              .affects = solution,
              .meaning = "Widths at which each layer alone is quantized, the others as they are, "
                         "to see on the held-out images how far that moves the predictions; "
                         "[]: none, or those that quantization.bits_criterion needs."},
             &SensitivityConfig::bits, sequence_of(integer<int>(2, 8), "list of numbers, 2 to 8"));
    keys.add({.key = "unit",
              .affects = solution,
              .meaning = "What is quantized at a time: a layer, or all layers of a block."},
             &SensitivityConfig::unit,
             choice<SensitivityUnit>(
                 {{"layer", SensitivityUnit::layer}, {"block", SensitivityUnit::block}}));
    return keys;
}

}  // namespace comq
