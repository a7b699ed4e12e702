#pragma once

#include <optional>

namespace comq {

enum class ActivationGranularity { per_tensor, per_channel, per_token };
enum class RangeChoice { minmax, percentile };

/** Rounding of the inputs of quantized layers; off by default. */
struct ActivationConfig {
    std::optional<int> bits;  ///< none: inputs stay in floating point
    ActivationGranularity granularity = ActivationGranularity::per_tensor;
    RangeChoice range = RangeChoice::minmax;
    double percentile = 99.9;  ///< of the values of the calibration images, from either end
    bool symmetric = false;

    /** Whether ranges come from images; those of per_token are found while the network runs. */
    bool calibrated() const {
        return bits.has_value() && granularity != ActivationGranularity::per_token;
    }
};

}  // namespace comq
