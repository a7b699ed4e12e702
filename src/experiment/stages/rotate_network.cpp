#include "rotation/rotate.hpp"

#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <vector>

#include "accuracy/estimate.hpp"
#include "core/random.hpp"
#include "experiment/shared_solution.hpp"
#include "experiment/stages/stages.hpp"
#include "experiment/trial_weight.hpp"
#include "passes/logit_divergence.hpp"
#include "passes/side_by_side.hpp"

namespace comq {

namespace {

constexpr const char* stage_title = "choose rotation";

RotationTrial trial_of(const ExperimentConfig& config, int64_t number) {
    const int64_t last = config.rotation.seeds - 1;
    return {RandomStream(config.seed, "rotation trials").bits(static_cast<uint64_t>(number)),
            last == 0 ? 1.0 : static_cast<double>(number) / static_cast<double>(last)};
}

/** The network is as it was when the scope ends. */
class KeptWeights {
  public:
    explicit KeptWeights(const Network& network) : tensors_(network.state_dict()) {
        for (const auto& [name, tensor] : tensors_) kept_.push_back(tensor.clone());
    }
    ~KeptWeights() {
        const torch::NoGradGuard no_gradient;
        for (std::size_t i = 0; i < kept_.size(); ++i) tensors_[i].second.copy_(kept_[i]);
    }
    KeptWeights(const KeptWeights&) = delete;
    KeptWeights& operator=(const KeptWeights&) = delete;

  private:
    std::vector<std::pair<std::string, torch::Tensor>> tensors_;
    std::vector<torch::Tensor> kept_;
};

/** How far the predictions move when the network is rotated as a trial says and quantized. */
Estimate divergence_of_trial(RunContext& context, const RotationTrial& trial,
                             const LogitDivergence& divergence) {
    const KeptWeights kept(*context.model.network);
    rotate(*context.model.network, context.config.rotation, trial,
           context.model.description->preprocessing.crop);
    StatisticsSource statistics(context, StatisticsSource::Sharing::none);
    const auto solved = solve_at_widths(context, statistics, context.plan.layers, {}, stage_title);
    return context.times.timed(stage_title, [&] {
        std::vector<std::unique_ptr<TrialWeight>> trials;
        for (const PlannedLayer& planned : context.plan.layers) {
            const QuantizableLayer& layer = *planned.entry.layer;
            trials.push_back(std::make_unique<TrialWeight>(layer, solved.at(layer.name()).front()));
        }
        return mean_of(divergence.measure_images());
    });
}

/** Mean and standard error of the divergences of each trial, [trials, 2] f64. */
HostTensor try_rotations(RunContext& context) {
    const auto original = context.full_precision_network();
    BadImages bad(context.config.data.max_bad_images);
    const SideBySide walk(*original, *context.model.network, context.calibration_pass(bad).over({}),
                          context.images.calibration.held_out,
                          context.journal->folder() / "activations", "choosing a rotation");
    const LogitDivergence divergence(walk);
    std::vector<double> measured;
    for (int64_t trial = 0; trial < context.config.rotation.seeds; ++trial) {
        const Estimate kl =
            divergence_of_trial(context, trial_of(context.config, trial), divergence);
        spdlog::info("rotation {}: KL of held-out predictions {:.4f} ± {:.4f}", trial, kl.value,
                     kl.standard_error);
        measured.insert(measured.end(), {kl.value, kl.standard_error});
    }
    return HostTensor::copy_of<double>(DType::f64, {context.config.rotation.seeds, 2}, measured);
}

/** The best for held-out images of `rotation.seeds`; the only one costs no trial. */
int64_t choose_trial(RunContext& context) {
    if (context.config.rotation.seeds == 1) return 0;
    const SharedSolution shared(context.cache, context.keys.solution);
    shared.take_tensors(TensorSet::rotations, "rotations", *context.journal);
    auto stored = context.journal->tensors(TensorSet::rotations);
    if (!stored) {
        stored = TensorMap{{"kl", try_rotations(context)}};
        context.journal->store_tensors(TensorSet::rotations, *stored);
        shared.give_tensors("rotations", *stored);
    }
    const auto values = stored->at("kl").as<double>();
    int64_t best = 0;
    for (int64_t trial = 0; trial < context.config.rotation.seeds; ++trial) {
        const auto at = static_cast<std::size_t>(2 * trial);
        context.record.rotations.push_back({trial, values[at], values[at + 1]});
        if (values[at] < values[static_cast<std::size_t>(2 * best)]) best = trial;
    }
    return best;
}

void rotate_network(RunContext& context) {
    const int64_t trial = choose_trial(context);
    context.rotation = trial_of(context.config, trial);
    rotate(*context.model.network, context.config.rotation, *context.rotation,
           context.model.description->preprocessing.crop);
    spdlog::info("rotation {} of {} is taken", trial, context.config.rotation.seeds);
}

Cost cost_of_rotation(const Probe& probe) {
    Cost cost;
    const int64_t seeds = probe.config.rotation.seeds;
    if (seeds == 1) return cost;
    const auto trials = static_cast<double>(seeds);
    cost.seconds.calibration =
        trials * probe.calibration_images() * (probe.seconds_of(1.0) + probe.gram_seconds());
    cost.seconds.solving =
        trials * (probe.solve_seconds() +
                  probe.seconds_of(static_cast<double>(probe.config.calibration.holdout)));
    return cost;
}

}  // namespace

const Stage rotate_network_stage{.name = "rotate network",
                                 .takes_part =
                                     [](const ExperimentConfig& config) {
                                         return config.quantizes_weights() && config.rotation.any();
                                     },
                                 .cost = cost_of_rotation,
                                 .run = rotate_network,
                                 .one_rank_setting = "a rotation (section rotation)"};

}  // namespace comq
