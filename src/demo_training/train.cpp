#include "demo_training/train.hpp"

#include <torch/nn/functional/loss.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <numbers>
#include <numeric>
#include <vector>

#include "core/errors.hpp"
#include "passes/image_pass.hpp"

namespace comq {

namespace {

std::unique_ptr<torch::optim::AdamW> make_optimizer(const Network& network,
                                                    const TrainingRecipe& recipe) {
    std::vector<torch::Tensor> decayed, plain;
    for (torch::Tensor& parameter : network.parameters()) {
        parameter.requires_grad_(true);
        const bool is_weight = parameter.dim() == 2 || parameter.dim() == 4;
        (is_weight ? decayed : plain).push_back(parameter);
    }
    const auto group = [](std::vector<torch::Tensor> parameters, double weight_decay) {
        auto options = std::make_unique<torch::optim::AdamWOptions>();
        options->betas({0.9, 0.99}).weight_decay(weight_decay);
        return torch::optim::OptimizerParamGroup(std::move(parameters), std::move(options));
    };
    return std::make_unique<torch::optim::AdamW>(std::vector<torch::optim::OptimizerParamGroup>{
        group(std::move(decayed), recipe.weight_decay), group(std::move(plain), 0.0)});
}

void set_learning_rate(torch::optim::AdamW& optimizer, double rate) {
    for (auto& group : optimizer.param_groups()) group.options().set_lr(rate);
}

/** One step; returns the loss before it. */
double step(Network& network, torch::optim::AdamW& optimizer, const torch::Tensor& pixels,
            const ImageBatch& batch, const TrainingRecipe& recipe) {
    const auto labels = torch::tensor(batch.labels, torch::kInt64);
    const auto options =
        torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(recipe.label_smoothing);
    const torch::Tensor loss =
        torch::nn::functional::cross_entropy(network.forward(pixels), labels, options);

    optimizer.zero_grad();
    loss.backward();
    torch::nn::utils::clip_grad_norm_(network.parameters(), recipe.gradient_norm);
    optimizer.step();
    return loss.item<double>();
}

}  // namespace

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

void train(Network& network, const ImageSource& source, const Preprocessing& preprocessing,
           const TrainingRecipe& recipe, Progress& progress) {
    const auto optimizer = make_optimizer(network, recipe);
    network.train();

    std::vector<int64_t> indices(static_cast<std::size_t>(recipe.steps() * recipe.batch_size));
    std::iota(indices.begin(), indices.end(), int64_t{0});
    BadImages bad(0);
    const std::atomic<bool> never_stop{false};
    double mean_loss = 0.0;
    const ImagePass pass{
        {&source, indices, preprocessing, recipe.batch_size}, torch::kCPU, bad, never_stop};
    pass.run_in_order(
        progress, "training", [&](const torch::Tensor& pixels, const ImageBatch& batch) {
            set_learning_rate(*optimizer, recipe.learning_rate_at(batch.batch));
            const double loss = step(network, *optimizer, pixels, batch, recipe);
            if (!std::isfinite(loss)) {
                throw Failure("training diverged at step {}; lower the learning rate", batch.batch);
            }
            // A running mean over about a hundred steps.
            mean_loss +=
                (loss - mean_loss) / static_cast<double>(std::min<int64_t>(batch.batch + 1, 100));
            return fmt::format("loss {:.3f}", mean_loss);
        });
    network.eval();
}

}  // namespace comq
