#pragma once

#include "core/progress.hpp"
#include "data/image_source.hpp"
#include "demo_training/recipe.hpp"
#include "image/preprocessing.hpp"
#include "networks/network.hpp"

namespace comq {

/**
 * Trains `network` on the first `recipe.images` images of `source` in their order and leaves it
 * in evaluation mode. Steps follow each other and each operator runs on one thread, so the same
 * start gives the same weights on the same machine, whatever the number of threads.
 * Throws InputError when an image can't be read, Failure when the loss is no longer finite.
 */
void train(Network& network, const ImageSource& source, const Preprocessing& preprocessing,
           const TrainingRecipe& recipe, Progress& progress);

}  // namespace comq
