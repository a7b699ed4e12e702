#pragma once

#include <cstdint>
#include <string>

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

}  // namespace comq
