#include <torch/optim/adam.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/progress.hpp"
#include "core/random.hpp"
#include "passes/activation_spool.hpp"
#include "passes/logit_divergence.hpp"
#include "passes/side_by_side.hpp"
#include "repair/repair.hpp"
#include "repair/tuned_grid.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

// Images of one forward and backward pass through a block: the unit of work of a thread.
constexpr int64_t images_of_a_part = 5;

// The regularizer of AdaRound and BRECQ. λ is in units of the mean share of a weight in the error
// that its block has at the start. At first rounding is learned freely; then β falls, and in the
// end every weight is pushed to one of its codes.
constexpr double regularization = 100.0;
constexpr double free_share = 0.2;
constexpr double first_exponent_of_blocks = 20.0;
constexpr double last_exponent_of_blocks = 2.0;

double exponent_of_step(int64_t step, int64_t steps) {
    const double begin = free_share * static_cast<double>(steps);
    const double progress = std::clamp(
        (static_cast<double>(step) - begin) / (static_cast<double>(steps) - begin), 0.0, 1.0);
    return first_exponent_of_blocks +
           progress * (last_exponent_of_blocks - first_exponent_of_blocks);
}

/** A block while it is reconstructed. */
struct TrainedBlock {
    std::size_t index;
    std::list<TunedGrid> grids = {};
    std::vector<torch::Tensor> weights = {};  ///< the parameters of the grids
    double weight_count = 0.0;
    double error_before = 0.0;  ///< of an image
};

/** What one thread makes of some images. */
struct PartOfStep {
    double error = 0.0;  ///< summed over images
    int64_t images = 0;
    std::vector<torch::Tensor> gradients;  ///< of `error`, by the weights of the block
};

class BlockReconstruction {
  public:
    explicit BlockReconstruction(RepairContext& context)
        : context_(context),
          config_(context.config),
          stream_(context.seed, "block reconstruction"),
          walk_(context.original, context.network, context.pass.in_batches_of(images_of_a_part),
                context.held_out, context.scratch, "reconstructing blocks"),
          divergence_(walk_),
          before_(divergence_.measure()),
          now_(before_) {
        if (config_.block_reconstruction == BlockLoss::fisher) {
            importance_.emplace(context.scratch / "importance");
        }
    }

    void run() {
        Network& network = context_.network;
        for (torch::Tensor& parameter : network.parameters()) parameter.requires_grad_(false);
        walk_.diverge();
        const auto blocks = network.blocks().size();
        Progress progress("block reconstruction", "blocks", static_cast<int64_t>(blocks));
        for (std::size_t block = 0; block < blocks; ++block) {
            walk_.advance_to(network.blocks()[block].begin);
            reconstruct(block);
            progress.advance(
                1, fmt::format("{}: held-out KL {:.4f}", network.blocks()[block].name, now_));
        }
    }

    RepairedParts parts() const {
        return {"block_reconstruction", kept_, "blocks that come closer when reconstructed",
                fmt::format("held-out KL {:.4f} → {:.4f}; {} of {} codes are others", before_, now_,
                            changed_codes_, codes_)};
    }

  private:
    void reconstruct(std::size_t index);
    void train(TrainedBlock& block);
    std::vector<PartOfStep> parts_of(const TrainedBlock& block, const std::vector<int64_t>& batches,
                                     bool with_gradients);
    torch::Tensor error_of(const TrainedBlock& block, int64_t batch) const;
    void weigh_outputs(std::size_t block);

    RepairContext& context_;
    const RepairConfig& config_;
    RandomStream stream_;
    SideBySide walk_;
    LogitDivergence divergence_;
    std::optional<ActivationSpool> importance_;  ///< of the outputs of a block, by batch
    double before_;
    double now_;
    int64_t kept_ = 0;
    int64_t changed_codes_ = 0;
    int64_t codes_ = 0;
};

/** Squared gradients of the predictions by what the block hands on, scaled to a mean of 1. */
void BlockReconstruction::weigh_outputs(std::size_t block) {
    const Network& network = context_.original;
    const auto draws = stream_.child("directions");
    walk_.for_each(walk_.fitted(), [&](int64_t batch) {
        const torch::AutoGradMode gradients(true);
        const auto input = walk_.activation(batch);
        auto output = [&] {
            const torch::NoGradGuard no_gradient;
            return network.run(input, block, block + 1);
        }();
        output = output.detach().requires_grad_(true);
        const auto logits = network.run(output, block + 1, network.blocks().size());
        // With v standard normal, the direction √p·v − p·Σ√p·v has the covariance diag(p) − p·pᵀ:
        // that of the gradients of cross-entropies to labels that are drawn from p.
        auto normal = torch::empty(logits.sizes(), torch::kFloat);
        const auto& images = walk_.images_of(batch);
        const int64_t classes = logits.size(1);
        for (int64_t i = 0; i < normal.size(0); ++i) {
            float* row = normal.data_ptr<float>() + i * classes;
            for (int64_t k = 0; k < classes; ++k) {
                row[k] = static_cast<float>(draws.normal(
                    static_cast<uint64_t>(images[static_cast<std::size_t>(i)] * classes + k)));
            }
        }
        const auto p = torch::softmax(logits.detach(), 1);
        const auto root = p.sqrt() * normal.to(p.device());
        const auto direction = root - p * root.sum(1, true);
        const auto gradient = torch::autograd::grad({logits}, {output}, {direction}).at(0);
        const auto square = gradient.square();
        importance_->store("importance", batch, square / square.mean().clamp_min(1e-30));
    });
}

/** ‖ỹ − y‖² summed over the images of a batch, weighted where outputs have an importance. */
torch::Tensor BlockReconstruction::error_of(const TrainedBlock& block, int64_t batch) const {
    const auto expected = [&] {
        const torch::NoGradGuard no_gradient;
        return context_.original.run(walk_.activation(batch), block.index, block.index + 1);
    }();
    const auto found =
        context_.network.run(walk_.quantized_activation(batch), block.index, block.index + 1);
    const auto squares = (found - expected).square();
    if (!importance_) return squares.sum();
    return (squares * importance_->load("importance", batch).to(squares.device())).sum();
}

std::vector<PartOfStep> BlockReconstruction::parts_of(const TrainedBlock& block,
                                                      const std::vector<int64_t>& batches,
                                                      bool with_gradients) {
    std::map<int64_t, PartOfStep> by_batch;
    for (const auto batch : batches) by_batch[batch] = {};
    walk_.for_each(batches, [&](int64_t batch) {
        const torch::AutoGradMode gradients(with_gradients);
        PartOfStep& part = by_batch.at(batch);
        const auto error = error_of(block, batch);
        if (with_gradients) {
            part.gradients = torch::autograd::grad({error}, block.weights, /*grad_outputs=*/{},
                                                   /*retain_graph=*/{}, /*create_graph=*/false,
                                                   /*allow_unused=*/true);
        }
        part.error = error.item<double>();
        part.images = std::ssize(walk_.images_of(batch));
    });
    std::vector<PartOfStep> parts;
    for (auto& [batch, part] : by_batch) parts.push_back(std::move(part));
    return parts;
}

void BlockReconstruction::train(TrainedBlock& block) {
    std::vector<torch::Tensor> positions, of_grids;
    for (TunedGrid& grid : block.grids) {
        grid.learn_rounding(context_.original.weight_of(grid.layer().name()));
        positions.push_back(grid.position());
        of_grids.push_back(grid.factor());
        if (context_.real_zero_points) of_grids.push_back(grid.shift());
    }
    torch::optim::Adam optimizer(positions, torch::optim::AdamOptions(config_.block_learning_rate));
    optimizer.add_param_group(
        {of_grids, std::make_unique<torch::optim::AdamOptions>(config_.grid_learning_rate)});
    const auto install = [&] {
        const torch::NoGradGuard no_gradient;
        for (TunedGrid& grid : block.grids) grid.install();
    };
    install();
    const auto& fitted = walk_.fitted();
    const auto count = std::clamp((config_.batch_size + images_of_a_part - 1) / images_of_a_part,
                                  int64_t{1}, std::ssize(fitted));
    for (int64_t number = 0; number < config_.block_iterations; ++number) {
        std::vector<int64_t> batches;
        const auto draws = stream_.child(fmt::format("block {} step {}", block.index, number));
        for (const auto i : draws.choose(std::ssize(fitted), count)) {
            batches.push_back(fitted[static_cast<std::size_t>(i)]);
        }
        const auto parts = parts_of(block, batches, /*with_gradients=*/true);
        const torch::NoGradGuard no_gradient;
        double error = 0.0, images = 0.0;
        for (const auto& part : parts) {
            error += part.error;
            images += static_cast<double>(part.images);
        }
        if (!std::isfinite(error)) {
            throw Failure("reconstruction of block {} diverged; lower repair.block_learning_rate",
                          context_.network.blocks()[block.index].name);
        }
        const double unit = block.weight_count / (block.error_before * images);
        std::size_t i = 0;
        for (TunedGrid& grid : block.grids) {
            torch::Tensor total;
            for (const auto& part : parts) {
                const auto& share = part.gradients[i];
                if (share.defined()) total = total.defined() ? total + share : share;
            }
            grid.set_gradients(total.defined() ? total * unit
                                               : torch::zeros_like(grid.parameter()));
            if (static_cast<double>(number) >=
                free_share * static_cast<double>(config_.block_iterations)) {
                grid.regularize(regularization, exponent_of_step(number, config_.block_iterations));
            }
            ++i;
        }
        optimizer.step();
        install();
    }
    for (TunedGrid& grid : block.grids) grid.decide();
    install();
}

void BlockReconstruction::reconstruct(std::size_t index) {
    TrainedBlock block{.index = index};
    block.grids = tuned_grids(context_.network, context_.layers, context_.one_scale_a_layer, index);
    if (block.grids.empty()) return;
    if (importance_) weigh_outputs(index);
    std::map<std::string, LayerRecord> before;
    for (const TunedGrid& grid : block.grids) {
        block.weights.push_back(grid.parameter());
        block.weight_count += static_cast<double>(grid.parameter().numel());
        const auto& name = grid.layer().name();
        before[name] = *std::ranges::find(context_.layers, name, &LayerRecord::name);
    }
    double error = 0.0, images = 0.0;
    for (const auto& part : parts_of(block, walk_.fitted(), /*with_gradients=*/false)) {
        error += part.error;
        images += static_cast<double>(part.images);
    }
    block.error_before = error / images;
    int64_t changed = 0;
    if (block.error_before > 0) {
        train(block);
        const double divergence = divergence_.measure();
        if (divergence < now_) {
            now_ = divergence;
            ++kept_;
            for (const TunedGrid& grid : block.grids) changed += grid.changed_codes();
        } else {
            const torch::NoGradGuard no_gradient;
            for (TunedGrid& grid : block.grids) grid.restore(before.at(grid.layer().name()));
        }
    }
    changed_codes_ += changed;
    codes_ += static_cast<int64_t>(block.weight_count);
    for (torch::Tensor& weight : block.weights) weight.requires_grad_(false);
}

}  // namespace

/**
 * `repair.block_reconstruction`: BRECQ (arXiv 2102.05426). Block after block, Adam learns the
 * rounding of the block's weights (TunedGrid::learn_rounding), their scales and, where they are
 * real, their zero points, so that what the block makes of the quantized network's inputs comes
 * close to what it hands on in the full-precision network; blocks before it are reconstructed
 * already, and codes begin as those that the method found. The error is the squared one, or that
 * weighted by the diagonal of the Fisher information of the block's outputs.
 *
 * A step takes `repair.batch_size` images, in parts that run on all threads and are added up in
 * their order: the same bits for any number of threads. A block stays as it is found unless the
 * LogitDivergence on the held-out images falls. Throws Failure when the error is no longer finite.
 */
const Repair block_reconstruction_repair{
    .enabled =
        [](const RepairConfig& config) { return config.block_reconstruction != BlockLoss::none; },
    .apply =
        [](RepairContext& context) {
            BlockReconstruction reconstruction(context);
            reconstruction.run();
            return std::vector{reconstruction.parts()};
        },
    .forwards =
        [](const RepairSize& size) {
            const auto blocks = static_cast<double>(size.network.blocks().size());
            const bool weighs = size.config.block_reconstruction == BlockLoss::fisher;
            // The images of a step go through the block twice, once of each network.
            const double trained = static_cast<double>(size.config.block_iterations) *
                                   static_cast<double>(size.config.batch_size) *
                                   (1.0 + gradient_pass);
            const double walked = size.images * (4.0 + (weighs ? 0.5 * gradient_pass * blocks : 0));
            return trained + walked + 0.5 * size.held_out * (blocks + 4.0);
        },
    .spooled =
        [](const RepairSize& size) {
            const bool weighs = size.config.block_reconstruction == BlockLoss::fisher;
            return 2.0 * (size.images + size.held_out) + (weighs ? size.images : 0.0);
        },
    .uses_gradients = true};

}  // namespace comq
