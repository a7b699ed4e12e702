#pragma once

#include <atomic>
#include <cstdint>

#include "data/loader.hpp"
#include "networks/network.hpp"
#include "repair/repair_config.hpp"

namespace comq {

/** How norms and biases are tuned; `images.batch_size` images make a step. */
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
 * A step is computed in micro-batches, on all threads, and summed in their order: the same bits
 * for any number of threads. Throws InputError when labels are missing, Failure when the loss is
 * no longer finite, Interrupted when `stop` is set. Returns the number of tensors trained.
 */
int64_t tune_norms(const Network& original, Network& quantized, const ImageSet& images,
                   const NormTuningRecipe& recipe, torch::Device device, BadImages& bad,
                   const std::atomic<bool>& stop);

}  // namespace comq
