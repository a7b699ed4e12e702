#pragma once

#include <cstdint>
#include <optional>

#include "data/selection.hpp"

namespace comq {

enum class CalibrationTransform { eval, train };
enum class CalibrationInputs { full_precision, quantized };
/** What held-out images judge a strength of error propagation by. */
enum class PropagationCriterion { layer_output, logits };
enum class Precision { float32, bfloat16 };
enum class Weighting { none, row_importance };

struct CalibrationConfig {
    int64_t images = 1024;
    Selection selection = Selection::random;
    int64_t holdout = 0;     ///< further images whose rows only measure, never fit
    int64_t batch_size = 8;  ///< images of one micro-batch: forward and Gram of one task
    CalibrationTransform transform = CalibrationTransform::eval;
    int64_t views = 1;  ///< of each image: as `transform` says, then near_view
    CalibrationInputs inputs = CalibrationInputs::full_precision;
    std::optional<double> propagation;  ///< strength when inputs are quantized; none: by held-out
    PropagationCriterion propagation_criterion = PropagationCriterion::logits;
    bool residual_targets = false;             ///< where inputs are quantized
    std::optional<double> residual_strength;   ///< of those; none: by held-out predictions
    int passes = 1;                            ///< over the layers, where inputs are quantized
    Precision precision = Precision::float32;  ///< of the forward pass
    std::optional<int64_t> rows_per_image;     ///< of each layer, drawn by the seed; none: all
    Weighting weighting = Weighting::none;
    double weighting_power = 0.5;
    double weighting_share = 0.9;  ///< of the weighted Gram in its mixture with the plain one
    int64_t weighting_parts = 1;   ///< of a layer's outputs, each with weights of its own
    double output_coupling = 0.0;  ///< share of the couplings between output channels
};

}  // namespace comq
