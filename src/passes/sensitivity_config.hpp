#pragma once

#include <vector>

namespace comq {

/** What is quantized at a time while the rest of the network stays as it is. */
enum class SensitivityUnit { layer, block };

struct SensitivityConfig {
    std::vector<int> bits;  ///< widths that are tried; empty: sensitivities are not measured
    SensitivityUnit unit = SensitivityUnit::layer;
};

}  // namespace comq
