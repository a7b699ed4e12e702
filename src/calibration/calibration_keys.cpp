#include "calibration/calibration_keys.hpp"

namespace comq {

Schema<CalibrationConfig, RunKey> calibration_keys() {
    using enum Effect;
    Schema<CalibrationConfig, RunKey> keys;
    keys.add({.key = "images",
              .affects = calibration_images,
              .meaning = "Images whose layer inputs the quantization is fitted to; more than "
                         "there are is an error.",
              .unit = "images"},
             &CalibrationConfig::images, integer<int64_t>(1));
    keys.add({.key = "selection",
              .affects = calibration_images,
              .meaning = "Which images: the first ones, or a random choice by 'seed'."},
             &CalibrationConfig::selection,
             choice<Selection>({{"first", Selection::first}, {"random", Selection::random}}));
    keys.add({.key = "holdout",
              .affects = calibration_images,
              .meaning = "Further images on which errors are only measured, never fitted.",
              .unit = "images"},
             &CalibrationConfig::holdout, integer<int64_t>(0));
    keys.add({.key = "batch_size",
              .affects = calibration_images | statistics,
              .meaning = "Images of one micro-batch, the unit of work of one thread. Its size "
                         "can change the last bits of the sums.",
              .unit = "images"},
             &CalibrationConfig::batch_size, integer<int64_t>(1, 4096));
    keys.add({.key = "transform",
              .affects = calibration_images | statistics,
              .meaning = "Preprocessing of calibration images: as for evaluation, or augmented "
                         "as for training."},
             &CalibrationConfig::transform,
             choice<CalibrationTransform>(
                 {{"eval", CalibrationTransform::eval}, {"train", CalibrationTransform::train}}));
    keys.add({.key = "views",
              .affects = calibration_images | statistics,
              .meaning = "How often each calibration image is seen: once as 'transform' says, and "
                         "then mirrored or not, shifted, and 10% larger or smaller at most (with "
                         "transform: train, augmented anew). Few images are learnt by heart less; "
                         "time grows with it.",
              .unit = "views"},
             &CalibrationConfig::views, integer<int64_t>(1, 1024));
    keys.add({.key = "inputs",
              .affects = statistics | solution,
              .meaning = "Network whose layer inputs a method is fitted to: the full-precision "
                         "one, or the one whose earlier layers are quantized already, layer "
                         "after layer, each made to give the outputs of the full-precision one. "
                         "Errors are reported on full-precision rows all the same."},
             &CalibrationConfig::inputs,
             choice<CalibrationInputs>({{"full_precision", CalibrationInputs::full_precision},
                                        {"quantized", CalibrationInputs::quantized}}));
    keys.add({.key = "propagation",
              .affects = solution,
              .meaning = "With quantized inputs, the share of the error of earlier layers that a "
                         "layer makes up for; null: for each layer the best of 0, 0.25, 0.5 and "
                         "1 on held-out images."},
             &CalibrationConfig::propagation, optional(number(0.0, 1.0)));
    keys.add({.key = "propagation_criterion",
              .affects = solution,
              .meaning = "What the best strength is: layer_output, by the error of the layer's "
                         "output; logits, by how far the network's predictions, with later "
                         "layers in full precision, are from the full-precision network's (KL)."},
             &CalibrationConfig::propagation_criterion,
             choice<PropagationCriterion>({{"layer_output", PropagationCriterion::layer_output},
                                           {"logits", PropagationCriterion::logits}}));
    keys.add({.key = "residual_targets",
              .affects = solution,
              .meaning = "With quantized inputs, layers whose output is added to a residual stream "
                         "are asked to make up for what the stream has lost, too."},
             &CalibrationConfig::residual_targets, boolean());
    keys.add({.key = "residual_strength",
              .affects = solution,
              .meaning = "Share of the stream's loss that such a layer makes up for; null: for "
                         "each layer the best of 0, 0.25, 0.5 and 1 by the predictions for "
                         "held-out images."},
             &CalibrationConfig::residual_strength, optional(number(0.0, 1.0)));
    keys.add({.key = "passes",
              .affects = solution,
              .meaning = "With quantized inputs, how often all layers are quantized. From the "
                         "second pass on a layer is fitted anew between the quantized layers "
                         "before and behind it, and keeps its new codes where predictions for "
                         "held-out images come closer."},
             &CalibrationConfig::passes, integer<int>(1, 10));
    keys.add(
        {.key = "precision",
         .affects = statistics,
         .meaning = "Numbers that the network computes layer inputs in; their products are "
                    "summed as ever. bfloat16 is faster where the CPU multiplies it, and "
                    "errors are then measured on rounded inputs."},
        &CalibrationConfig::precision,
        choice<Precision>({{"float32", Precision::float32}, {"bfloat16", Precision::bfloat16}}));
    keys.add({.key = "rows_per_image",
              .affects = statistics,
              .meaning = "Rows (tokens, patches of a convolution) that each layer takes of each "
                         "image, drawn by 'seed', layer and image; null: all.",
              .unit = "rows"},
             &CalibrationConfig::rows_per_image, optional(integer<int64_t>(1)));
    keys.add({.key = "weighting",
              .affects = statistics,
              .meaning = "Weight of a row of layer inputs: equal, or its importance to the "
                         "network, from the gradient of the cross-entropy to a label drawn from "
                         "the network's own prediction (uses gradients but no labels)."},
             &CalibrationConfig::weighting,
             choice<Weighting>({{"none", Weighting::none}, {"fisher", Weighting::row_importance}}));
    keys.add({.key = "weighting_power",
              .affects = statistics,
              .meaning = "A row's weight is the mean squared gradient at its outputs to this "
                         "power, scaled to a mean of 1 in each layer."},
             &CalibrationConfig::weighting_power, number(0.01, 2.0));
    keys.add({.key = "weighting_share",
              .affects = statistics,
              .meaning = "Share of the weighted Gram in its mixture with the plain one."},
             &CalibrationConfig::weighting_share, number(0.0, 1.0));
    keys.add(
        {.key = "weighting_parts",
         .affects = statistics,
         .meaning = "Parts of a layer's output channels, neighbours in one, each of which "
                    "weights rows by its own gradients and is fitted to a Gram of its own; "
                    "where they can't be of one length, there are fewer. Output channels are then "
                    "coupled within a part."},
        &CalibrationConfig::weighting_parts, integer<int64_t>(1, 256));
    keys.add({.key = "output_coupling",
              .affects = solution,
              .meaning = "With quantized inputs and weighted rows, the share of what couples a "
                         "layer's output channels, from the same gradients, so that channels "
                         "make up for each other's errors; 0: each is solved by itself. A layer "
                         "keeps it where predictions on held-out images come closer."},
             &CalibrationConfig::output_coupling, number(0.0, 1.0));
    return keys;
}

}  // namespace comq
