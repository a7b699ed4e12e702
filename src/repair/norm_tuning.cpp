#include <torch/optim/adam.h>

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "repair/repair.hpp"

namespace comq {

namespace {

// Images of one forward and backward pass: the unit of work of a thread.
constexpr int64_t micro_batch = 5;

bool is_weight_of_layer(const torch::Tensor& parameter, const Network& network) {
    return std::ranges::any_of(network.layers(), [&](const Network::LayerEntry& entry) {
        return entry.layer->weight().is_alias_of(parameter);
    });
}

/** Norm weights and biases, and the biases of layers: all other parameters of one dimension. */
std::vector<torch::Tensor> tunable_parameters(Network& network) {
    std::vector<torch::Tensor> tunable;
    for (torch::Tensor& parameter : network.parameters()) {
        const bool tuned = parameter.dim() == 1 && !is_weight_of_layer(parameter, network);
        parameter.requires_grad_(tuned);
        if (tuned) tunable.push_back(parameter);
    }
    return tunable;
}

class Tuning {
  public:
    explicit Tuning(const RepairContext& context)
        : original_(context.original),
          quantized_(context.network),
          pass_(context.pass),
          config_(context.config),
          stream_(context.seed, "norm tuning"),
          parameters_(tunable_parameters(context.network)),
          optimizer_(parameters_, torch::optim::AdamOptions(config_.learning_rate)),
          steps_(config_.epochs * pass_.batches()) {}

    int64_t tensors() const { return static_cast<int64_t>(parameters_.size()); }

    /** The images of one epoch in its own order. */
    std::vector<int64_t> order_of(int64_t epoch) const {
        return stream_.child(fmt::format("order {}", epoch)).shuffled(pass_.images.indices);
    }

    /** One step of Adam; returns the loss before it. Flips `pixels`. */
    double step(int64_t epoch, const torch::Tensor& pixels, const ImageBatch& batch) {
        if (config_.flips) flip(epoch, pixels, batch);
        const auto labels = torch::tensor(batch.labels, torch::kInt64).to(pass_.device);
        const int64_t count = pixels.size(0);
        const int64_t parts = (count + micro_batch - 1) / micro_batch;
        std::vector<Gradient> gradients(static_cast<std::size_t>(parts));
        const auto compute = [&](int64_t part) {
            const int64_t first = part * micro_batch;
            const int64_t size = std::min(micro_batch, count - first);
            gradients[static_cast<std::size_t>(part)] =
                gradient(pixels.narrow(0, first, size), labels.narrow(0, first, size), count);
        };
        if (pass_.device.is_cpu()) {
            tbb::parallel_for(int64_t{0}, parts, compute);
        } else {
            for (int64_t part = 0; part < parts; ++part) compute(part);
        }
        return apply(gradients);
    }

  private:
    struct Gradient {
        double loss = 0.0;
        std::vector<torch::Tensor> by_parameter;
    };

    void flip(int64_t epoch, const torch::Tensor& pixels, const ImageBatch& batch) const {
        const auto draws = stream_.child(fmt::format("flips {}", epoch));
        for (std::size_t i = 0; i < batch.indices.size(); ++i) {
            if (draws.uniform(static_cast<uint64_t>(batch.indices[i])) < 0.5) continue;
            auto image = pixels[static_cast<int64_t>(i)];
            image.copy_(image.flip({2}));
        }
    }

    /** Of a micro-batch's share of the mean loss over `count` images. */
    Gradient gradient(const torch::Tensor& pixels, const torch::Tensor& labels,
                      int64_t count) const {
        const auto logits = torch::log_softmax(quantized_.forward(pixels), 1);
        torch::Tensor loss;
        if (config_.norm_tuning == NormTuning::labels) {
            loss = torch::nll_loss(logits, labels, {}, at::Reduction::Sum);
        } else {
            loss = torch::kl_div(logits, target_of(pixels), at::Reduction::Sum,
                                 /*log_target=*/true);
        }
        loss = loss / static_cast<double>(count);
        Gradient result;
        result.by_parameter = torch::autograd::grad({loss}, parameters_, /*grad_outputs=*/{},
                                                    /*retain_graph=*/{}, /*create_graph=*/false,
                                                    /*allow_unused=*/true);
        result.loss = loss.item<double>();
        return result;
    }

    torch::Tensor target_of(const torch::Tensor& pixels) const {
        const torch::NoGradGuard no_gradient;
        return torch::log_softmax(original_.forward(pixels), 1);
    }

    double apply(const std::vector<Gradient>& gradients) {
        const double progress = static_cast<double>(done_++) / static_cast<double>(steps_);
        const double rate =
            config_.learning_rate * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
        for (auto& group : optimizer_.param_groups()) group.options().set_lr(rate);
        double loss = 0.0;
        for (const auto& part : gradients) loss += part.loss;
        for (std::size_t i = 0; i < parameters_.size(); ++i) {
            torch::Tensor total;
            for (const auto& part : gradients) {
                const auto& share = part.by_parameter[i];
                if (share.defined()) total = total.defined() ? total + share : share;
            }
            parameters_[i].mutable_grad() = total;
        }
        optimizer_.step();
        return loss;
    }

    const Network& original_;
    const Network& quantized_;
    const ImagePass& pass_;
    const RepairConfig& config_;
    RandomStream stream_;
    std::vector<torch::Tensor> parameters_;
    torch::optim::Adam optimizer_;
    int64_t steps_;
    int64_t done_ = 0;
};

void check_labels_present(const ImageBatch& batch, const ImageSource& source) {
    for (std::size_t i = 0; i < batch.labels.size(); ++i) {
        if (batch.labels[i] >= 0) continue;
        throw InputError(
            "{}: has no label, which repair.norm_tuning=labels needs; use "
            "repair.norm_tuning=full_precision_logits, or a labelled data.calibration",
            source.info(batch.indices[i]).id);
    }
}

std::vector<RepairedParts> tune_norms(RepairContext& context) {
    const RepairConfig& config = context.config;
    const ImagePass& pass = context.pass;
    Tuning tuning(context);
    Progress progress("norm tuning", "images", config.epochs * pass.count());
    for (int64_t epoch = 0; epoch < config.epochs; ++epoch) {
        const auto step = [&](const torch::Tensor& pixels, const ImageBatch& batch) {
            if (config.norm_tuning == NormTuning::labels) {
                check_labels_present(batch, *pass.images.source);
            }
            const double loss = tuning.step(epoch, pixels, batch);
            if (!std::isfinite(loss)) {
                throw Failure("norm tuning diverged in epoch {}; lower repair.learning_rate",
                              epoch + 1);
            }
            return fmt::format("loss {:.4f}", loss);
        };
        pass.over(tuning.order_of(epoch)).run_in_order(progress, "tuning norms", step);
    }
    for (torch::Tensor& parameter : context.network.parameters()) parameter.requires_grad_(false);
    return {{"norm_tuning", tuning.tensors(), "norm weights and biases trained"}};
}

}  // namespace

/**
 * Trains the affine parameters of norms and all biases by Adam (β 0.9, 0.999); weights and running
 * statistics stay. The loss is the cross-entropy to the labels of the images, as in the authors'
 * 2-bit recipe, or the Kullback-Leibler divergence from the outputs of the full-precision network,
 * for which images need no labels.
 *
 * A step is a batch, computed in micro-batches, on all threads, and summed in their order: the same
 * bits for any number of threads. Throws InputError when labels are missing, and Failure when the
 * loss is no longer finite.
 */
const Repair norm_tuning_repair{
    .enabled = [](const RepairConfig& config) { return config.norm_tuning != NormTuning::none; },
    .apply = tune_norms,
    .forwards =
        [](const RepairSize& size) {
            return size.images * static_cast<double>(size.config.epochs) * (1.0 + gradient_pass);
        },
    .uses_labels =
        [](const RepairConfig& config) { return config.norm_tuning == NormTuning::labels; },
    .uses_gradients = true};

}  // namespace comq
