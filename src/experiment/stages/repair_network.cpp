#include <algorithm>

#include "experiment/repair_stage.hpp"
#include "experiment/stages/stages.hpp"
#include "networks/norms.hpp"

namespace comq {

namespace {

RepairStage repairs_of(const RunContext& context) {
    return {context.config, context.model, context.images, context.device};
}

void prepare_network(RunContext& context) { repairs_of(context).before_calibration(); }

void repair_network(RunContext& context) {
    RepairStage repairs = repairs_of(context);
    context.times.timed("repair", [&] {
        context.root_first([&] {
            repairs.after_quantization(context.record.layers, *context.journal,
                                       context.bad_calibration, context.stop);
        });
    });
    context.record.parameters = repairs.changed_parameters(context.record.layers);
}

/** Of at most four steps: half and whole, of the shift alone and with the factor. */
constexpr double trials_of_a_refit = 3.0;

int64_t norm_count(const Network& network) {
    const auto modules = network.modules(/*include_self=*/false);
    return std::ranges::count_if(modules, [](const auto& module) {
        return dynamic_cast<const BatchNorm2dImpl*>(module.get()) != nullptr ||
               dynamic_cast<const LayerNormImpl*>(module.get()) != nullptr;
    });
}

Cost cost_of_repairs(const Probe& probe) {
    const auto& repair = probe.config.repair;
    const auto images =
        static_cast<double>(repair.images.value_or(probe.config.calibration.images));
    double forwards = 0.0;
    if (repair.bias_correction) forwards += images;
    if (repair.reestimate_batch_norm) forwards += images;
    if (repair.norm_tuning != NormTuning::none) {
        forwards += images * static_cast<double>(repair.epochs) * (1.0 + gradient_pass);
    }
    int64_t refits = repair.output_refit ? std::ssize(probe.plan.layers) : 0;
    if (repair.norm_refit) refits += norm_count(*probe.network);
    if (refits > 0) {
        forwards += images * two_networks_forwards(*probe.network, refits);
        forwards += 0.5 * trials_of_a_refit * static_cast<double>(refits) *
                    static_cast<double>(probe.config.calibration.holdout);
    }
    Cost cost;
    cost.seconds.repair = probe.seconds_of(forwards);
    return cost;
}

}  // namespace

std::shared_ptr<Network> RunContext::full_precision_network() const {
    return repairs_of(*this).original();
}

const Stage prepare_network_stage{.name = "prepare network",
                                  .takes_part =
                                      [](const ExperimentConfig& config) {
                                          return config.quantizes_weights() &&
                                                 config.repair.fold_batch_norm;
                                      },
                                  .cost = [](const Probe&) { return Cost{}; },
                                  .run = prepare_network};

const Stage repair_network_stage{
    .name = "repair network",
    .takes_part = [](const ExperimentConfig& config) { return config.quantizes_weights(); },
    .cost = cost_of_repairs,
    .run = repair_network};

}  // namespace comq
