#include "activations/activation_keys.hpp"

namespace comq {

Schema<ActivationConfig, RunKey> activation_keys() {
    using enum Effect;
    Schema<ActivationConfig, RunKey> keys;
    keys.add({.key = "bits",
              .affects = evaluation,
              .meaning = "Width to which the inputs of quantized layers are rounded when the "
                         "quantized network is evaluated; null: they stay in floating point. "
                         "Calibration, reported layer errors and repairs see floating-point "
                         "inputs. With quantization.method none inputs alone are rounded, of "
                         "the layers that a method would quantize.",
              .unit = "bit"},
             &ActivationConfig::bits, optional(integer<int>(2, 8)));
    keys.add({.key = "granularity",
              .affects = evaluation,
              .meaning = "What shares one scale: all inputs of a layer, one input feature or "
                         "channel, or one token (for a convolution one image), whose range is "
                         "then found while the network runs."},
             &ActivationConfig::granularity,
             choice<ActivationGranularity>({{"per_tensor", ActivationGranularity::per_tensor},
                                            {"per_channel", ActivationGranularity::per_channel},
                                            {"per_token", ActivationGranularity::per_token}}));
    keys.add({.key = "range",
              .affects = evaluation,
              .meaning = "Values of the calibration images in the full-precision network that "
                         "the levels cover: all (minmax), or all but the outermost "
                         "(percentile). per_token always covers all."},
             &ActivationConfig::range,
             choice<RangeChoice>(
                 {{"minmax", RangeChoice::minmax}, {"percentile", RangeChoice::percentile}}));
    keys.add({.key = "percentile",
              .affects = evaluation,
              .meaning = "With range percentile: the range ends at this percentile, and begins "
                         "at 100 less it.",
              .unit = "percent"},
             &ActivationConfig::percentile, number(90.0, 100.0));
    keys.add({.key = "symmetric",
              .affects = evaluation,
              .meaning = "Whether levels lie symmetric to 0 and the scale follows from the "
                         "largest magnitude, instead of a zero point and both ends."},
             &ActivationConfig::symmetric, boolean());
    return keys;
}

}  // namespace comq
