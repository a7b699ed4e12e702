#include "demo_training/recipe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/errors.hpp"

namespace comq {

double TrainingRecipe::learning_rate_at(int64_t step) const {
    const double rising = std::max(1.0, std::floor(warmup * static_cast<double>(steps())));
    const double falling = std::max(1.0, static_cast<double>(steps()) - rising);
    const auto done = static_cast<double>(step);
    if (done < rising) return learning_rate * (done + 1.0) / rising;
    return learning_rate * 0.5 * (1.0 + std::cos(std::numbers::pi * (done - rising) / falling));
}

std::string TrainingRecipe::describe() const {
    return fmt::format(
        "AdamW, {} images in batches of {}, learning rate {} after {} of the steps, weight decay "
        "{}, label smoothing {}, gradient norm {}",
        images, batch_size, learning_rate, warmup, weight_decay, label_smoothing, gradient_norm);
}

TrainingRecipe recipe_of(const ModelDescription& model) {
    if (model.name == "demo_vit") {
        return {.images = 60'000, .batch_size = 32, .learning_rate = 3e-3, .weight_decay = 1.0};
    }
    if (model.name == "demo_cnn") {
        return {.images = 30'000, .batch_size = 32, .learning_rate = 3e-3, .weight_decay = 0.01};
    }
    throw UsageError("{}: there is no training recipe for this model; choose demo_vit or demo_cnn",
                     model.name);
}

}  // namespace comq
