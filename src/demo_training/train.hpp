#pragma once

#include <cstdint>
#include <string>

#include "core/progress.hpp"
#include "data/image_source.hpp"
#include "networks/registry.hpp"

namespace comq {

/**
 * How a network of the demo set is trained: one pass over fresh images by AdamW with decoupled
 * weight decay, the learning rate rising linearly and then falling along half a cosine to 0.
 */
struct TrainingRecipe {
    int64_t images = 0;
    int64_t batch_size = 0;
    double learning_rate = 0.0;  ///< at its peak
    double warmup = 0.05;        ///< share of the steps in which the rate rises
    double weight_decay = 0.0;   ///< of matrices and kernels; norms, biases and tokens have none
    double label_smoothing = 0.0;
    double gradient_norm = 1.0;  ///< a longer gradient is shortened to it

    /** The last, incomplete batch is left out. */
    int64_t steps() const { return images / batch_size; }
    double learning_rate_at(int64_t step) const;
    /** One line that names every field. */
    std::string describe() const;
};

/** Throws UsageError when `model` is no network of the demo set. */
TrainingRecipe recipe_of(const ModelDescription& model);

/**
 * Trains `network` on the first `recipe.images` images of `source` in their order and leaves it
 * in evaluation mode. Steps follow each other and each operator runs on one thread, so the same
 * start gives the same weights on the same machine, whatever the number of threads.
 * Throws InputError when an image can't be read, Failure when the loss is no longer finite.
 */
void train(Network& network, const ImageSource& source, const Preprocessing& preprocessing,
           const TrainingRecipe& recipe, Progress& progress);

}  // namespace comq
