#pragma once

#include <cstdint>

#include "networks/network.hpp"
#include "passes/image_pass.hpp"
#include "repair/repair_config.hpp"

namespace comq {

/** How norms and biases are tuned. */
struct NormTuningRecipe {
    NormTuning loss;
    double learning_rate;  ///< at the start; falls along half a cosine to 0
    int64_t epochs;
    bool flips;  ///< half of the images, drawn anew in each epoch, are mirrored
    uint64_t seed;
};

/**
 * Trains the affine parameters of norms and all biases of `quantized` by Adam (β 0.9, 0.999); its
 * weights and running statistics stay. The loss is the cross-entropy to the labels of the images,
 * as in the authors' 2-bit recipe, or the Kullback-Leibler divergence from the outputs of
 * `original`, for which images need no labels.
 *
 * A step is a batch of `pass`, computed in micro-batches, on all threads, and summed in their
 * order: the same bits for any number of threads. Throws what ImagePass does, InputError when
 * labels are missing, and Failure when the loss is no longer finite. Returns the number of tensors
 * trained.
 */
int64_t tune_norms(const Network& original, Network& quantized, const ImagePass& pass,
                   const NormTuningRecipe& recipe);

}  // namespace comq
