#include "config/activation_schema.hpp"

namespace comq {

void add_activations(Schema<ExperimentConfig>& schema) {
    const auto activations = [](auto member) {
        return field(&ExperimentConfig::activations, member);
    };

    schema.add({.key = "activations.bits",
                .meaning = "Width to which the inputs of quantized layers are rounded when the "
                           "quantized network is evaluated; null: they stay in floating point. "
                           "Calibration, reported layer errors and repairs see floating-point "
                           "inputs. With quantization.method none inputs alone are rounded, of "
                           "the layers that a method would quantize.",
                .unit = "bit"},
               activations(&ActivationConfig::bits), optional(integer<int>(2, 8)));
    schema.add({.key = "activations.granularity",
                .meaning = "What shares one scale: all inputs of a layer, one input feature or "
                           "channel, or one token (for a convolution one image), whose range is "
                           "then found while the network runs."},
               activations(&ActivationConfig::granularity),
               choice<ActivationGranularity>({{"per_tensor", ActivationGranularity::per_tensor},
                                              {"per_channel", ActivationGranularity::per_channel},
                                              {"per_token", ActivationGranularity::per_token}}));
    schema.add({.key = "activations.range",
                .meaning = "Values of the calibration images in the full-precision network that "
                           "the levels cover: all (minmax), or all but the outermost "
                           "(percentile). per_token always covers all."},
               activations(&ActivationConfig::range),
               choice<RangeChoice>(
                   {{"minmax", RangeChoice::minmax}, {"percentile", RangeChoice::percentile}}));
    schema.add({.key = "activations.percentile",
                .meaning = "With range percentile: the range ends at this percentile, and begins "
                           "at 100 less it.",
                .unit = "percent"},
               activations(&ActivationConfig::percentile), number(90.0, 100.0));
    schema.add({.key = "activations.symmetric",
                .meaning = "Whether levels lie symmetric to 0 and the scale follows from the "
                           "largest magnitude, instead of a zero point and both ends."},
               activations(&ActivationConfig::symmetric), boolean());
}

}  // namespace comq
