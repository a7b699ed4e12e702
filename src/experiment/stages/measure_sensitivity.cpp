#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "accuracy/estimate.hpp"
#include "core/progress.hpp"
#include "experiment/stages/stages.hpp"
#include "experiment/trial_weight.hpp"
#include "passes/logit_divergence.hpp"
#include "passes/side_by_side.hpp"

namespace comq {

namespace {

/** What is quantized at a time, and tells its name in the result. */
struct SensitivityGroup {
    std::string name;
    std::vector<PlannedLayer> layers;  ///< of a block in its order, or one alone
};

std::vector<SensitivityGroup> sensitivity_groups(const RunContext& context) {
    const bool by_block = context.config.sensitivity.unit == SensitivityUnit::block;
    std::vector<SensitivityGroup> groups;
    for (const PlannedLayer& planned : context.plan.layers) {
        const std::size_t block = planned.entry.block;
        if (by_block && !groups.empty() && groups.back().layers.back().entry.block == block) {
            groups.back().layers.push_back(planned);
        } else {
            groups.push_back({by_block ? context.model.network->blocks()[block].name
                                       : planned.entry.layer->name(),
                              {planned}});
        }
    }
    return groups;
}

std::vector<PlannedLayer> layers_of(const std::vector<SensitivityGroup>& groups) {
    std::vector<PlannedLayer> layers;
    for (const auto& group : groups) {
        layers.insert(layers.end(), group.layers.begin(), group.layers.end());
    }
    return layers;
}

/** Mean and standard error of the divergences at each width, [widths, 2] f64. */
HostTensor measure_group(const SensitivityGroup& group, const WeightsByWidth& solved,
                         std::size_t widths, const LogitDivergence& divergence) {
    std::vector<double> measured;
    for (std::size_t width = 0; width < widths; ++width) {
        std::vector<std::unique_ptr<TrialWeight>> trials;
        for (const PlannedLayer& planned : group.layers) {
            const QuantizableLayer& layer = *planned.entry.layer;
            trials.push_back(std::make_unique<TrialWeight>(layer, solved.at(layer.name())[width]));
        }
        const Estimate kl = mean_of(divergence.measure_images());
        measured.insert(measured.end(), {kl.value, kl.standard_error});
    }
    return HostTensor::copy_of<double>(DType::f64, {static_cast<int64_t>(widths), 2}, measured);
}

/** Adds those of `groups` to `measured`, and all that is measured to the journal. */
void measure_solved(RunContext& context, const std::vector<SensitivityGroup>& groups,
                    const WeightsByWidth& solved, std::size_t widths, TensorMap& measured) {
    const auto original = context.full_precision_network();
    // Calibration counts those that can't be read.
    BadImages bad(context.config.data.max_bad_images);
    SideBySide walk(*original, *context.model.network, context.calibration_pass(bad).over({}),
                    context.images.calibration.held_out, context.journal->folder() / "activations",
                    "measuring sensitivities");
    const LogitDivergence divergence(walk);
    Progress progress("sensitivity", "groups of layers", std::ssize(groups));
    for (const SensitivityGroup& group : groups) {
        walk.advance_to(group.layers.front().entry.step);
        measured[group.name] = measure_group(group, solved, widths, divergence);
        context.journal->store_tensors(TensorSet::sensitivities, measured);
        progress.advance(1, group.name);
    }
}

void measure_groups(RunContext& context, const std::vector<SensitivityGroup>& groups,
                    const std::vector<int>& widths, TensorMap& measured) {
    const auto solved =
        solve_at_widths(context, context.statistics(), layers_of(groups), widths, "sensitivity");
    context.times.timed("sensitivity",
                        [&] { measure_solved(context, groups, solved, widths.size(), measured); });
}

/**
 * One layer (or block) after the other is quantized at each width while all others stay, and the
 * divergence of the predictions on the held-out images is measured. The network has its weights
 * again afterwards.
 */
void measure_sensitivity(RunContext& context) {
    const auto widths = context.config.sensitivity_bits();
    const auto groups = sensitivity_groups(context);
    auto measured = context.journal->tensors(TensorSet::sensitivities).value_or(TensorMap{});
    std::vector<SensitivityGroup> rest;
    std::ranges::copy_if(groups, std::back_inserter(rest), [&](const SensitivityGroup& group) {
        return !measured.contains(group.name);
    });
    if (!rest.empty()) measure_groups(context, rest, widths, measured);
    for (const SensitivityGroup& group : groups) {
        const auto values = measured.at(group.name).as<double>();
        for (std::size_t i = 0; i < widths.size(); ++i) {
            context.record.sensitivities.push_back(
                {group.name, widths[i], values[2 * i], values[2 * i + 1]});
        }
    }
}

Cost cost_of_sensitivity(const Probe& probe) {
    const auto widths = static_cast<double>(probe.config.sensitivity_bits().size());
    const bool by_block = probe.config.sensitivity.unit == SensitivityUnit::block;
    const auto groups =
        static_cast<double>(by_block ? probe.network->blocks().size() : probe.plan.layers.size());
    const auto held_out = static_cast<double>(probe.config.calibration.holdout);
    Cost cost;
    cost.seconds.solving = widths * probe.solve_seconds();
    // Each goes through the rest of the network, half on average.
    cost.seconds.solving += probe.seconds_of(held_out * (2.0 + 0.5 * widths * groups));
    for (const auto& planned : probe.plan.layers) {
        cost.memory_bytes += static_cast<int64_t>(widths) * planned.entry.layer->weight().numel();
    }
    cost.disk_bytes = static_cast<int64_t>(sizeof(float)) * probe.largest_step_input *
                      probe.config.calibration.holdout;
    return cost;
}

}  // namespace

const Stage measure_sensitivity_stage{
    .name = "measure sensitivity",
    .takes_part = [](const ExperimentConfig& config) { return !config.sensitivity_bits().empty(); },
    .cost = cost_of_sensitivity,
    .run = measure_sensitivity,
    .one_rank_setting = "sensitivity.bits"};

}  // namespace comq
