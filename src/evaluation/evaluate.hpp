#pragma once

#include <functional>

#include "accuracy/accuracy.hpp"
#include "networks/network.hpp"
#include "passes/image_pass.hpp"

namespace comq {

/** What else is done while a network is evaluated. */
struct EvaluationExtras {
    Tap* tap = nullptr;              ///< sees the inputs of layers, on every thread
    bool log_probabilities = false;  ///< are kept with the predictions
    /** Of the full-precision network with its log-probabilities: divergences are from these. */
    const Predictions* full_precision = nullptr;
};

/**
 * Predictions of `network` for the images of `pass`, a part of what `progress` counts, in the order
 * of `indices` (images that could not be read are left out).
 *
 * Throws what ImagePass does, and InputError when an image has no label, a label is no class of the
 * network, or a logit is NaN.
 */
Predictions evaluate(const Network& network, const ImagePass& pass, Progress& progress,
                     const EvaluationExtras& extras = {});

/** The same, but `take` gets the predictions for a batch once it is done, on every thread. */
void evaluate_batches(const Network& network, const ImagePass& pass, Progress& progress,
                      const EvaluationExtras& extras,
                      const std::function<void(const ImageBatch&, Predictions&&)>& take);

}  // namespace comq
