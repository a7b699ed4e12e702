#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "calibration/gram_collector.hpp"
#include "calibration/residual_moment.hpp"
#include "calibration/row_importance.hpp"
#include "core/progress.hpp"
#include "experiment/quantize_layer.hpp"
#include "experiment/shared_solution.hpp"
#include "experiment/stages/stages.hpp"
#include "experiment/trial_weight.hpp"
#include "passes/logit_divergence.hpp"
#include "passes/side_by_side.hpp"
#include "quantization/propagation.hpp"

namespace comq {

namespace {

std::vector<PlannedLayer> in_order_of_execution(const LayerPlan& plan, std::size_t block,
                                                const SideBySide& walk) {
    std::vector<PlannedLayer> layers;
    std::ranges::copy_if(plan.layers, std::back_inserter(layers),
                         [&](const PlannedLayer& planned) { return planned.entry.block == block; });
    if (layers.size() > 1) {
        const auto order = walk.order_of_execution();
        std::ranges::stable_sort(layers, {}, [&](const PlannedLayer& planned) {
            return std::ranges::find(order, planned.entry.layer->name()) - order.begin();
        });
    }
    return layers;
}

PropagationStrengths strengths_of(const CalibrationConfig& config) {
    PropagationStrengths strengths{config.propagation, 0.0};
    if (config.residual_targets) strengths.residual = config.residual_strength;
    strengths.coupling = config.output_coupling;
    return strengths;
}

bool strength_is_chosen_by_logits(const CalibrationConfig& config) {
    const auto strengths = strengths_of(config);
    return (!strengths.inputs || !strengths.residual) &&
           config.propagation_criterion == PropagationCriterion::logits;
}

/** `importance` is null where rows count alike. */
LayerStatistics collect_pairs(const PlannedLayer& planned, const SideBySide& walk,
                              const RowImportance* importance, torch::Device device) {
    const QuantizableLayer& layer = *planned.entry.layer;
    LayerStatistics statistics;
    const auto sum = [&](const std::vector<int64_t>& batches, const char* paired, const char* plain,
                         const RowImportance* weights) {
        PairedGramCollector collector(layer, weights != nullptr);
        walk.for_each(batches, [&](int64_t batch) {
            const auto calls = walk.inputs(layer.name(), batch);
            const torch::InferenceMode inference;
            for (std::size_t call = 0; call < calls.size(); ++call) {
                const auto weight = weights == nullptr
                                        ? torch::Tensor()
                                        : weights->weight(layer.name(), call, batch).to(device);
                collector.add(calls[call].quantized, calls[call].full_precision, weight);
            }
        });
        collector.take(paired, plain, statistics);
    };
    sum(walk.fitted(), statistic::paired_gram, statistic::gram, importance);
    if (!walk.held_out().empty()) {
        sum(walk.held_out(), statistic::heldout_paired_gram, statistic::heldout_gram, nullptr);
    }
    return statistics;
}

/** What a layer that ends in a residual sum is to make up for. */
void collect_residual_moment(const PlannedLayer& planned, const SideBySide& walk,
                             const RowImportance* importance, torch::Device device,
                             LayerStatistics& statistics) {
    const QuantizableLayer& layer = *planned.entry.layer;
    ResidualMomentCollector collector(layer);
    walk.for_each(walk.fitted(), [&](int64_t batch) {
        const auto calls = walk.inputs_and_streams(layer.name(), batch);
        const torch::InferenceMode inference;
        for (std::size_t call = 0; call < calls.size(); ++call) {
            const auto weight = importance == nullptr
                                    ? torch::Tensor()
                                    : importance->weight(layer.name(), call, batch).to(device);
            collector.add(calls[call], weight);
        }
    });
    collector.take(statistics);
}

/** `divergence` is null where a strength is given, or judged by the layer's output. */
LayerRecord solve_on_pairs(const PlannedLayer& planned, const LayerStatistics& statistics,
                           const LogitDivergence* divergence, const CalibrationConfig& config,
                           const LayerMethods& methods) {
    const QuantizableLayer& layer = *planned.entry.layer;
    double strength = 0.0;
    double residual = not_measured;
    const auto propagated = [&](MatrixView<const float> weight) {
        const auto loss = [&](const Solution& solution) {
            if (divergence == nullptr) {
                return heldout_propagated_error(statistics, weight, solution.weight);
            }
            const TrialWeight trial(layer, solution.weight);
            return divergence->measure();
        };
        auto found = solve_propagated(*methods.chosen, layer.name(), weight, statistics,
                                      planned.bits, strengths_of(config), loss);
        strength = found.strength;
        residual = found.residual.value_or(not_measured);
        return std::move(found.solution);
    };
    LayerRecord record = quantize_layer(planned, statistics, propagated, *methods.round_to_nearest);
    record.propagation = strength;
    record.residual_strength = residual;
    return record;
}

/**
 * One layer after the other, each fitted to what it sees behind the layers quantized before it;
 * both networks walk through the images side by side (quantization/propagation.hpp).
 */
void quantize_on_own_inputs(RunContext& context) {
    const auto& config = context.config;
    const auto& plan = context.plan;
    RunJournal& journal = *context.journal;
    StageTimes& times = context.times;
    const LayerMethods methods(config.quantization, context.device);
    const SharedSolution shared(context.cache, context.keys.solution);
    for (const auto& planned : plan.layers) {
        shared.take_layer(planned.entry.layer->name(), journal);
    }
    if (journal.finished_layers().size() == plan.layers.size()) {
        spdlog::info("all {} layers were finished before", plan.layers.size());
        install_finished_layers(context);
        return;
    }
    const auto original = context.full_precision_network();
    auto walk = times.timed("calibrate", [&] {
        return SideBySide(*original, *context.model.network, context.calibration_pass(),
                          context.images.calibration.held_out, journal.folder() / "activations",
                          "quantizing layer after layer");
    });
    std::optional<LogitDivergence> divergence;
    if (strength_is_chosen_by_logits(config.calibration)) {
        times.timed("calibrate", [&] { divergence.emplace(walk); });
    }
    std::optional<RowImportance> importance;
    if (config.calibration.weighting == Weighting::row_importance) {
        times.timed("calibrate", [&] {
            importance.emplace(*original, plan.entries(), walk, row_weighting(config),
                               config.calibration.output_coupling > 0.0,
                               journal.folder() / "row_weights");
        });
    }
    std::size_t last = 0;
    for (const auto& planned : plan.layers) last = std::max(last, planned.entry.block);
    Progress progress("quantization", "layers", static_cast<int64_t>(plan.layers.size()));
    for (std::size_t block = 0; block <= last; ++block) {
        const auto in_sums =
            config.calibration.residual_targets ? walk.layers_in_sums() : std::set<std::string>();
        for (const auto& planned : in_order_of_execution(plan, block, walk)) {
            const std::string& name = planned.entry.layer->name();
            auto finished = journal.layer(name);
            if (!finished) {
                const auto statistics = times.timed("calibrate", [&] {
                    const RowImportance* weights = importance ? &*importance : nullptr;
                    auto sums = collect_pairs(planned, walk, weights, context.device);
                    if (in_sums.contains(name)) {
                        collect_residual_moment(planned, walk, weights, context.device, sums);
                    }
                    if (config.calibration.output_coupling > 0.0) {
                        sums.output_metric = importance->take_output_metric(name);
                    }
                    return sums;
                });
                times.timed("solve", [&] {
                    finished =
                        solve_on_pairs(planned, statistics, divergence ? &*divergence : nullptr,
                                       config.calibration, methods);
                    journal.store_layer(*finished);
                    shared.give_layer(*finished);
                });
            }
            install_weight(*planned.entry.layer, *finished);
            walk.diverge();
            progress.advance(1, name);
        }
        if (block < last) times.timed("calibrate", [&] { walk.advance(); });
    }
    shared.trim();
    install_finished_layers(context);
    check_bad_images(context, context.bad_calibration);
}

/** While one layer after the other is summed with and without quantized inputs, and solved. */
double peak_of_layer(const PlannedLayer& planned, const Probe& probe) {
    const auto gram = static_cast<double>(gram_bytes(*planned.entry.layer));
    const double finished = 2.5;  // the triangles of order 2m and m, in sums of order m
    const double held_out = probe.config.calibration.holdout > 0 ? finished : 0.0;
    const double solving = finished + held_out + std::max(2.0, probe.solver_matrices());
    return gram * std::max(4.0 + held_out, solving);
}

/** Bytes of the sums of gradients of all layers at once: two triangles in fp64 each. */
int64_t output_metric_bytes(const Probe& probe) {
    int64_t floats = 0;
    for (const auto& planned : probe.plan.layers) {
        const QuantizableLayer& layer = *planned.entry.layer;
        const int64_t n = layer.out_features() / layer.groups();
        floats += layer.groups() * n * (n + 1);
    }
    return static_cast<int64_t>(sizeof(double)) * floats;
}

/** Bytes of what the networks hand from block to block, and of the weights of rows. */
int64_t spooled_bytes(const Probe& probe) {
    const auto& calibration = probe.config.calibration;
    int64_t floats = 2 * probe.largest_block_input * (calibration.images + calibration.holdout);
    if (calibration.weighting != Weighting::none) {
        for (std::size_t i = 0; i < probe.plan.layers.size(); ++i) {
            const auto groups = probe.plan.layers[i].entry.layer->groups();
            floats += calibration.images * groups * probe.rows[i];
        }
    }
    return static_cast<int64_t>(sizeof(float)) * floats;
}

Cost cost_of_own_inputs(const Probe& probe) {
    const auto& calibration = probe.config.calibration;
    const auto layers = static_cast<double>(probe.plan.layers.size());
    constexpr auto offered = static_cast<double>(std::size(propagation_strengths));
    const double with_targets = calibration.residual_targets
                                    ? static_cast<double>(std::ranges::count(probe.in_sums, true))
                                    : 0.0;
    double strengths = calibration.propagation ? 1.0 : offered;  // that a layer tries on average
    if (!calibration.residual_strength) strengths += (offered - 1.0) * with_targets / layers;
    Cost cost;
    for (const auto& planned : probe.plan.layers) {
        cost.memory_bytes =
            std::max(cost.memory_bytes, static_cast<int64_t>(peak_of_layer(planned, probe)));
        cost.gram_bytes = std::max(cost.gram_bytes, 4 * gram_bytes(*planned.entry.layer));
        cost.disk_bytes += 2 * planned.entry.layer->weight().numel();
    }
    if (calibration.output_coupling > 0.0) {
        cost.memory_bytes += output_metric_bytes(probe);
        strengths += 2.0;  // its two rounds
    }
    cost.memory_bytes += probe.activation_bytes();
    cost.disk_bytes += spooled_bytes(probe);
    cost.forward_passes = 1;
    const double gradients = calibration.weighting == Weighting::none ? 0.0 : gradient_pass;
    const auto visits = std::ssize(probe.plan.layers) + static_cast<int64_t>(with_targets);
    const double forwards = two_networks_forwards(*probe.network, visits) + gradients;
    // Pairs of rows are twice as long; the moment with a stream is a square where a Gram is half.
    const double products = 4.0 + 2.0 * with_targets / layers;
    cost.seconds.calibration =
        probe.calibration_images() * (probe.seconds_of(forwards) + products * probe.gram_seconds());
    cost.seconds.solving = strengths * probe.solve_seconds();
    if (strength_is_chosen_by_logits(calibration)) {
        // Each candidate takes the held-out images through the rest of the network, half on
        // average.
        cost.seconds.solving +=
            probe.seconds_of(0.5 * strengths * layers * static_cast<double>(calibration.holdout));
    }
    return cost;
}

}  // namespace

const Stage quantize_on_own_inputs_stage{.name = "quantize layer after layer",
                                         .takes_part =
                                             [](const ExperimentConfig& config) {
                                                 return config.quantizes_weights() &&
                                                        config.calibration.inputs ==
                                                            CalibrationInputs::quantized;
                                             },
                                         .cost = cost_of_own_inputs,
                                         .run = quantize_on_own_inputs,
                                         .one_rank_setting = "calibration.inputs=quantized"};

}  // namespace comq
