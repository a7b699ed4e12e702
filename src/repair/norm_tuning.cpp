#include <torch/optim/adam.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <numbers>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "core/errors.hpp"
#include "repair/expected_logits.hpp"
#include "repair/held_out_judge.hpp"
#include "repair/numbered_tensors.hpp"
#include "repair/repair.hpp"
#include "repair/training_images.hpp"
#include "repair/tuned_grid.hpp"
#include "repair/tuning_loss.hpp"

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

/** The grids of the quantized layers, where they are trained. */
std::list<TunedGrid> tunable_grids(RepairContext& context) {
    if (!context.config.tune_grids) return {};
    auto grids = tuned_grids(context.network, context.layers, context.one_scale_a_layer);
    if (context.config.tune_codes) {
        for (TunedGrid& grid : grids) {
            grid.free_codes(context.original.weight_of(grid.layer().name()));
        }
    }
    return grids;
}

class Tuning {
  public:
    explicit Tuning(RepairContext& context)
        : pass_(context.pass),
          config_(context.config),
          loss_(config_.norm_tuning, context.original, context.network),
          parameters_(tunable_parameters(context.network)),
          grids_(tunable_grids(context)),
          trained_(parameters_),
          optimizer_(parameters_, torch::optim::AdamOptions(config_.learning_rate)),
          rates_{config_.learning_rate},
          steps_(config_.epochs * pass_.batches()) {
        std::vector<torch::Tensor> of_grids, positions;
        for (TunedGrid& grid : grids_) {
            of_grids.push_back(grid.factor());
            if (context.real_zero_points) of_grids.push_back(grid.shift());
            if (config_.tune_codes) positions.push_back(grid.position());
            trained_.push_back(grid.parameter());
        }
        train(of_grids, config_.grid_learning_rate);
        train(positions, config_.code_learning_rate);
    }

    int64_t tensors() const { return static_cast<int64_t>(parameters_.size()); }
    /** How many codes are others than at the start, in words; empty where they stay. */
    std::string changed_codes() const {
        if (!config_.tune_codes) return "";
        int64_t changed = 0, all = 0;
        for (const TunedGrid& grid : grids_) {
            changed += grid.changed_codes();
            all += grid.parameter().numel();
        }
        return fmt::format("{} of {} codes are others", changed, all);
    }
    int64_t grids() const { return static_cast<int64_t>(grids_.size()); }

    /** What is trained, as it is now. */
    std::vector<torch::Tensor> state() const {
        std::vector<torch::Tensor> copies;
        for (const auto& group : optimizer_.param_groups()) {
            for (const auto& tensor : group.params()) copies.push_back(tensor.detach().clone());
        }
        return copies;
    }

    void restore(const std::vector<torch::Tensor>& state) {
        const torch::NoGradGuard no_gradient;
        auto saved = state.begin();
        for (auto& group : optimizer_.param_groups()) {
            for (auto& tensor : group.params()) tensor.copy_(*saved++);
        }
        for (TunedGrid& grid : grids_) grid.install();
    }

    /** All that decides how tuning goes on. */
    TensorMap reached() const {
        TensorMap map = by_number("trained", state());
        std::ostringstream bytes;
        torch::serialize::OutputArchive archive;
        optimizer_.save(archive);
        archive.save_to(bytes);
        const std::string text = bytes.str();
        map["optimizer"] = HostTensor::copy_of<char>(
            DType::u8, {std::ssize(text)}, std::span<const char>(text.data(), text.size()));
        map["steps"] = HostTensor::copy_of<int64_t>(DType::i64, {1}, std::span(&done_, 1));
        return map;
    }

    void go_on_from(const TensorMap& reached) {
        const auto text = reached.at("optimizer").as<char>();
        std::istringstream bytes(std::string(text.begin(), text.end()));
        torch::serialize::InputArchive archive;
        archive.load_from(bytes);
        optimizer_.load(archive);
        restore(numbered("trained", reached));
        done_ = reached.at("steps").as<int64_t>().front();
    }

    /** One step of Adam; returns the loss before it. `expected`: as TuningLoss::of takes it. */
    double step(const torch::Tensor& pixels, const ImageBatch& batch,
                const torch::Tensor& expected) {
        const auto labels = torch::tensor(batch.labels, torch::kInt64).to(pass_.device);
        const int64_t count = pixels.size(0);
        const int64_t parts = (count + micro_batch - 1) / micro_batch;
        std::vector<Gradient> gradients(static_cast<std::size_t>(parts));
        const auto compute = [&](int64_t part) {
            const int64_t first = part * micro_batch;
            const int64_t size = std::min(micro_batch, count - first);
            gradients[static_cast<std::size_t>(part)] =
                gradient(pixels.narrow(0, first, size), labels.narrow(0, first, size),
                         expected.defined() ? expected.narrow(0, first, size) : expected, count);
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
        std::vector<torch::Tensor> of_trained;
    };

    void train(const std::vector<torch::Tensor>& tensors, double rate) {
        if (tensors.empty()) return;
        optimizer_.add_param_group({tensors, std::make_unique<torch::optim::AdamOptions>(rate)});
        rates_.push_back(rate);
    }

    /** Of a micro-batch's share of the mean loss over `count` images. */
    Gradient gradient(const torch::Tensor& pixels, const torch::Tensor& labels,
                      const torch::Tensor& expected, int64_t count) const {
        const torch::AutoGradMode gradients(true);
        const auto loss = loss_.of(pixels, labels, expected) / static_cast<double>(count);
        Gradient result;
        result.of_trained = torch::autograd::grad({loss}, trained_, /*grad_outputs=*/{},
                                                  /*retain_graph=*/{}, /*create_graph=*/false,
                                                  /*allow_unused=*/true);
        result.loss = loss.item<double>();
        return result;
    }

    double apply(const std::vector<Gradient>& gradients) {
        const torch::NoGradGuard no_gradient;
        const double progress = static_cast<double>(done_++) / static_cast<double>(steps_);
        const double fall = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
        for (std::size_t i = 0; i < rates_.size(); ++i) {
            optimizer_.param_groups()[i].options().set_lr(rates_[i] * fall);
        }
        const auto summed = [&](std::size_t i) {
            torch::Tensor total;
            for (const auto& part : gradients) {
                const auto& share = part.of_trained[i];
                if (share.defined()) total = total.defined() ? total + share : share;
            }
            return total;
        };
        for (std::size_t i = 0; i < parameters_.size(); ++i) {
            parameters_[i].mutable_grad() = summed(i);
        }
        std::size_t i = parameters_.size();
        for (TunedGrid& grid : grids_) {
            const auto gradient = summed(i++);
            if (gradient.defined()) grid.set_gradients(gradient);
        }
        optimizer_.step();
        for (TunedGrid& grid : grids_) grid.install();
        double loss = 0.0;
        for (const auto& part : gradients) loss += part.loss;
        return loss;
    }

    const ImagePass& pass_;
    const RepairConfig& config_;
    TuningLoss loss_;
    std::vector<torch::Tensor> parameters_;  ///< of norms and layers, one dimension each
    std::list<TunedGrid> grids_;
    std::vector<torch::Tensor> trained_;  ///< those parameters and the weights on the grids
    torch::optim::Adam optimizer_;
    std::vector<double> rates_;  ///< of the groups of parameters, at the start
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

/** The epoch whose network is closest to the full-precision one on held-out images. */
class BestEpoch {
  public:
    BestEpoch(const RepairContext& context, const TrainingImages& images, Tuning& tuning)
        : judge_(context, images),
          tuning_(tuning),
          before_(judge_.measure()),
          least_(before_),
          state_(tuning.state()) {}

    void compare(int64_t epoch) {
        const double now = judge_.measure();
        if (!(now < least_)) return;
        least_ = now;
        epoch_ = epoch;
        state_ = tuning_.state();
    }

    /** Puts what is known into `map`. */
    void add_to(TensorMap& map) const {
        map.merge(by_number("best", state_));
        map["best_kl"] = HostTensor::copy_of<double>(DType::f64, {1}, std::span(&least_, 1));
        map["best_epoch"] = HostTensor::copy_of<int64_t>(DType::i64, {1}, std::span(&epoch_, 1));
    }
    void go_on_from(const TensorMap& map) {
        least_ = map.at("best_kl").as<double>().front();
        epoch_ = map.at("best_epoch").as<int64_t>().front();
        state_.clear();
        for (const auto& tensor : numbered("best", map)) state_.push_back(tensor.clone());
    }

    std::string take() {
        tuning_.restore(state_);
        return fmt::format("held-out KL {:.4f} → {:.4f}, after epoch {}", before_, least_, epoch_);
    }

  private:
    HeldOutJudge judge_;
    Tuning& tuning_;
    double before_;
    double least_;
    int64_t epoch_ = 0;
    std::vector<torch::Tensor> state_;
};

/** In how many forms logits of full precision are kept for all epochs; 0: they are not. */
int64_t forms_that_are_kept(const RepairConfig& config) {
    const int64_t forms = ExpectedLogits::forms(config);
    const bool pays =
        config.norm_tuning == NormTuning::full_precision_logits && forms < config.epochs;
    return pays ? forms : 0;
}

std::vector<RepairedParts> tune_norms(RepairContext& context) {
    const RepairConfig& config = context.config;
    const TrainingImages images(config, context.seed);
    Tuning tuning(context);
    std::optional<BestEpoch> best;
    if (config.early_stop) best.emplace(context, images, tuning);
    int64_t epoch = 0;
    if (const auto reached = context.progress.load()) {
        tuning.go_on_from(*reached);
        if (best) best->go_on_from(*reached);
        epoch = reached->at("epochs").as<int64_t>().front();
        spdlog::info("repair.norm_tuning: {} of {} epochs were finished before", epoch,
                     config.epochs);
    }
    std::optional<ExpectedLogits> expected;
    if (forms_that_are_kept(config) > 0 && epoch < config.epochs) {
        expected.emplace(context.original, images, context.pass.in_batches_of(context.micro_batch));
    }
    Progress progress("norm tuning", "images", (config.epochs - epoch) * context.pass.count());
    for (; epoch < config.epochs; ++epoch) {
        const auto step = [&](const torch::Tensor& pixels, const ImageBatch& batch) {
            if (config.norm_tuning == NormTuning::labels) {
                check_labels_present(batch, *context.pass.images.source);
            }
            const double loss =
                tuning.step(pixels, batch, expected ? expected->of(batch, epoch) : torch::Tensor());
            if (!std::isfinite(loss)) {
                throw Failure("norm tuning diverged in epoch {}; lower repair.learning_rate",
                              epoch + 1);
            }
            return fmt::format("loss {:.4f}", loss);
        };
        images.epoch(context.pass, epoch).run_in_order(progress, "tuning norms", step);
        if (best) best->compare(epoch + 1);
        TensorMap reached = tuning.reached();
        if (best) best->add_to(reached);
        const int64_t finished = epoch + 1;
        reached["epochs"] = HostTensor::copy_of<int64_t>(DType::i64, {1}, std::span(&finished, 1));
        context.progress.store(reached);
    }
    const std::string details = best ? best->take() : "";
    for (torch::Tensor& parameter : context.network.parameters()) parameter.requires_grad_(false);
    std::vector<RepairedParts> parts{
        {"norm_tuning", tuning.tensors(), "norm weights and biases trained", details}};
    if (config.tune_grids) {
        parts.push_back({"tune_grids", tuning.grids(), "grids trained", tuning.changed_codes()});
    }
    return parts;
}

}  // namespace

/**
 * Trains the affine parameters of norms and all biases by Adam (β 0.9, 0.999), and the grids and
 * codes of layers on request; running statistics stay. The loss is the cross-entropy to the labels
 * of the images, as in the authors' 2-bit recipe, or the Kullback-Leibler divergence from the
 * outputs of the full-precision network, for which images need no labels, with or without the
 * errors of what blocks hand on (repair/tuning_loss.hpp).
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
            const auto epochs = static_cast<double>(size.config.epochs);
            const double views = static_cast<double>(HeldOutJudge::views(size.config));
            const double judged =
                size.config.early_stop ? views * size.held_out * (epochs + 2.0) : 0.0;
            const auto kept = static_cast<double>(forms_that_are_kept(size.config));
            const double full_precision = kept > 0.0 ? kept : epochs;
            return size.images * (full_precision + epochs * gradient_pass) + judged;
        },
    .spooled =
        [](const RepairSize& size) {
            const double views = static_cast<double>(HeldOutJudge::views(size.config));
            return size.config.early_stop ? 2.0 * views * size.held_out : 0.0;
        },
    .uses_labels =
        [](const RepairConfig& config) { return config.norm_tuning == NormTuning::labels; },
    .uses_gradients = true};

}  // namespace comq
