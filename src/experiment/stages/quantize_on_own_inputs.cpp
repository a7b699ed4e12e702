#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>
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

std::vector<PlannedLayer> in_order_of_execution(const LayerPlan& plan, std::size_t step,
                                                const SideBySide& walk) {
    std::vector<PlannedLayer> layers;
    std::ranges::copy_if(plan.layers, std::back_inserter(layers),
                         [&](const PlannedLayer& planned) { return planned.entry.step == step; });
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
        PairedGramCollector collector(layer, weights == nullptr ? 0 : weights->parts(layer));
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
    ResidualMomentCollector collector(layer, importance == nullptr ? 1 : importance->parts(layer));
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

/** `divergence` is null where strengths are given, or judged by the layer's output. */
LayerRecord solve_on_pairs(const PlannedLayer& planned, const LayerStatistics& statistics,
                           const PropagationStrengths& strengths, const LogitDivergence* divergence,
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
                                      planned.bits, strengths, loss);
        strength = found.strength;
        residual = found.residual.value_or(not_measured);
        return std::move(found.solution);
    };
    LayerRecord record = quantize_layer(planned, statistics, propagated, *methods.round_to_nearest);
    record.propagation = strength;
    record.residual_strength = residual;
    return record;
}

/** Whether the journal has every layer from `pass` or later. */
bool has_finished(const RunContext& context, int pass) {
    return std::ranges::all_of(context.plan.layers, [&](const PlannedLayer& planned) {
        const auto layer = context.journal->layer(planned.entry.layer->name());
        return layer && layer->passes >= pass;
    });
}

/** The quantization of a run's layers one after the other, in one or several passes. */
class PassOverLayers {
  public:
    PassOverLayers(RunContext& context, const SharedSolution& shared)
        : context_(context),
          config_(context.config.calibration),
          journal_(*context.journal),
          shared_(shared),
          methods_(context.config.quantization, context.device),
          strengths_(strengths_of(config_)),
          original_(context.full_precision_network()) {}

    /** Quantizes every layer that the journal has not got from pass `pass`, counted from 1. */
    void run(int pass) {
        if (has_finished(context_, pass)) return;
        // A further pass begins with what the one before has found, which may be another process'
        // work; in the first, layers behind the one that is solved stay floats.
        if (pass > 1) {
            for (const auto& planned : context_.plan.layers) {
                install_weight(*planned.entry.layer,
                               journal_.layer(planned.entry.layer->name()).value());
            }
        }
        StageTimes& times = context_.times;
        auto walk = times.timed("calibrate", [&] {
            return SideBySide(*original_, *context_.model.network, context_.calibration_pass(),
                              context_.images.calibration.held_out,
                              journal_.folder() / "activations", "quantizing layer after layer");
        });
        if (pass > 1) walk.diverge();
        std::optional<LogitDivergence> divergence;
        if (strength_is_chosen_by_logits(config_) || pass > 1) {
            times.timed("calibrate", [&] { divergence.emplace(walk); });
        }
        if (config_.weighting == Weighting::row_importance && !importance_) {
            times.timed("calibrate", [&] {
                importance_.emplace(*original_, context_.plan.entries(), walk,
                                    row_weighting(context_.config), config_.output_coupling > 0.0,
                                    journal_.folder() / "row_weights");
            });
        }
        std::size_t last = 0;
        for (const auto& planned : context_.plan.layers) last = std::max(last, planned.entry.step);
        Progress progress(pass == 1 ? "quantization" : fmt::format("quantization, pass {}", pass),
                          "layers", std::ssize(context_.plan.layers));
        for (std::size_t step = 0; step <= last; ++step) {
            times.timed("calibrate", [&] { walk.advance_to(step); });
            const auto in_sums =
                config_.residual_targets ? walk.layers_in_sums() : std::set<std::string>();
            for (const auto& planned : in_order_of_execution(context_.plan, step, walk)) {
                const std::string& name = planned.entry.layer->name();
                auto layer = journal_.layer(name);
                if (!layer || layer->passes < pass) {
                    layer = quantize(planned, walk, in_sums.contains(name),
                                     divergence ? &*divergence : nullptr, pass, layer);
                }
                install_weight(*planned.entry.layer, *layer);
                expect_strengths_of(*layer);
                walk.diverge();
                progress.advance(1, name);
            }
        }
    }

  private:
    LayerStatistics statistics_of(const PlannedLayer& planned, const SideBySide& walk,
                                  bool in_sum) const {
        const RowImportance* weights = importance_ ? &*importance_ : nullptr;
        auto sums = collect_pairs(planned, walk, weights, context_.device);
        if (in_sum) collect_residual_moment(planned, walk, weights, context_.device, sums);
        if (config_.output_coupling > 0.0) {
            sums.output_metric = importance_->output_metric(planned.entry.layer->name());
        }
        return sums;
    }

    /** What was best for one layer is likely to be for the next. */
    void expect_strengths_of(const LayerRecord& layer) {
        if (!strengths_.inputs) strengths_.likely_inputs = layer.propagation;
        if (!strengths_.residual && std::isfinite(layer.residual_strength)) {
            strengths_.likely_residual = layer.residual_strength;
        }
    }

    /** `divergence` is null where nothing is judged by predictions, `before` in a first pass. */
    LayerRecord quantize(const PlannedLayer& planned, const SideBySide& walk, bool in_sum,
                         const LogitDivergence* divergence, int pass,
                         const std::optional<LayerRecord>& before) {
        const auto statistics =
            context_.times.timed("calibrate", [&] { return statistics_of(planned, walk, in_sum); });
        return context_.times.timed("solve", [&] {
            const auto* judge = strength_is_chosen_by_logits(config_) ? divergence : nullptr;
            LayerRecord record =
                before ? solved_again(planned, statistics, *divergence, judge, *before)
                       : solve_on_pairs(planned, statistics, strengths_, judge, methods_);
            record.passes = pass;
            journal_.store_layer(record);
            shared_.give_layer(record);
            return record;
        });
    }

    /** What a further pass finds, or what the layer had before it. */
    LayerRecord solved_again(const PlannedLayer& planned, const LayerStatistics& statistics,
                             const LogitDivergence& divergence, const LogitDivergence* judge,
                             const LayerRecord& before) {
        expect_strengths_of(before);
        const double least = divergence.measure();
        {
            const torch::NoGradGuard no_gradient;
            auto& layer = *planned.entry.layer;
            layer.weight().copy_(original_->weight_of(layer.name()));
        }
        LayerRecord found = solve_on_pairs(planned, statistics, strengths_, judge, methods_);
        install_weight(*planned.entry.layer, found);
        return divergence.measure() < least ? found : before;
    }

    RunContext& context_;
    const CalibrationConfig& config_;
    RunJournal& journal_;
    const SharedSolution& shared_;
    LayerMethods methods_;
    PropagationStrengths strengths_;
    std::shared_ptr<Network> original_;
    std::optional<RowImportance> importance_;
};

/**
 * One layer after the other, each fitted to what it sees behind the layers quantized before it;
 * both networks walk through the images side by side (quantization/propagation.hpp).
 */
void quantize_on_own_inputs(RunContext& context) {
    const auto& layers = context.plan.layers;
    const int passes = context.config.calibration.passes;
    RunJournal& journal = *context.journal;
    const SharedSolution shared(context.cache, context.keys.solution);
    for (const auto& planned : layers) shared.take_layer(planned.entry.layer->name(), journal);
    if (has_finished(context, passes)) {
        spdlog::info("all {} layers were finished before", layers.size());
        install_finished_layers(context);
        return;
    }
    PassOverLayers over(context, shared);
    for (int pass = 1; pass <= passes; ++pass) over.run(pass);
    shared.trim();
    install_finished_layers(context);
    check_bad_images(context, context.bad_calibration);
}

/** Grams of its outputs' parts that a layer has at most. */
double parts_of(const CalibrationConfig& calibration) {
    return calibration.weighting == Weighting::none
               ? 1.0
               : static_cast<double>(calibration.weighting_parts);
}

/** While one layer after the other is summed with and without quantized inputs, and solved. */
double peak_of_layer(const PlannedLayer& planned, const Probe& probe) {
    const auto gram = static_cast<double>(gram_bytes(*planned.entry.layer));
    const auto& calibration = probe.config.calibration;
    const double parts = parts_of(calibration);
    // Triangles of order 2m and m, in sums of order m.
    const double finished = 2.0 * parts + 0.5;
    const double held_out = calibration.holdout > 0 ? 2.5 : 0.0;
    const double solving = finished + held_out + std::max(2.0, probe.solver_matrices());
    return gram * std::max(4.0 * parts + held_out, solving);
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

/** Bytes of what the networks hand from step to step, and of the weights of rows. */
int64_t spooled_bytes(const Probe& probe) {
    const auto& calibration = probe.config.calibration;
    const int64_t fitted = probe.fitted_images();
    int64_t floats = 2 * probe.largest_step_input * (fitted + calibration.holdout);
    if (calibration.weighting != Weighting::none) {
        for (std::size_t i = 0; i < probe.plan.layers.size(); ++i) {
            const auto groups = probe.plan.layers[i].entry.layer->groups();
            floats += fitted * groups * probe.rows[i] * calibration.weighting_parts;
        }
    }
    return static_cast<int64_t>(sizeof(float)) * floats;
}

// Of four strengths and of three more that a search asks for, in DeiT-Tiny at 2 bits.
constexpr double tried_strengths = 2.7;
constexpr double tried_residuals = 2.3;

Cost cost_of_own_inputs(const Probe& probe) {
    const auto& calibration = probe.config.calibration;
    const auto layers = static_cast<double>(probe.plan.layers.size());
    const double with_targets = calibration.residual_targets
                                    ? static_cast<double>(std::ranges::count(probe.in_sums, true))
                                    : 0.0;
    double strengths = calibration.propagation ? 1.0 : tried_strengths;  // of a layer on average
    if (!calibration.residual_strength) strengths += tried_residuals * with_targets / layers;
    Cost cost;
    for (const auto& planned : probe.plan.layers) {
        cost.memory_bytes =
            std::max(cost.memory_bytes, static_cast<int64_t>(peak_of_layer(planned, probe)));
        cost.gram_bytes =
            std::max(cost.gram_bytes,
                     static_cast<int64_t>(4.0 * parts_of(calibration) *
                                          static_cast<double>(gram_bytes(*planned.entry.layer))));
        cost.disk_bytes += 2 * planned.entry.layer->weight().numel();
    }
    if (calibration.output_coupling > 0.0) {
        cost.memory_bytes += output_metric_bytes(probe);
        strengths += 2.0;  // its two rounds
    }
    const double passes = calibration.passes;
    cost.memory_bytes += probe.activation_bytes();
    cost.disk_bytes += spooled_bytes(probe);
    cost.forward_passes = 1;
    const double gradients = calibration.weighting == Weighting::none ? 0.0 : gradient_pass;
    const auto visits = std::ssize(probe.plan.layers) + static_cast<int64_t>(with_targets);
    const double forwards = two_networks_forwards(*probe.network, visits) + gradients / passes;
    // Pairs of rows are twice as long; the moment with a stream is a square where a Gram is half.
    const double products = 4.0 + 2.0 * with_targets / layers;
    cost.seconds.calibration = passes * probe.calibration_images() *
                               (probe.seconds_of(forwards) + products * probe.gram_seconds());
    cost.seconds.solving = passes * strengths * probe.solve_seconds();
    if (strength_is_chosen_by_logits(calibration)) {
        // Each candidate takes the held-out images through the rest of the network, half on
        // average.
        cost.seconds.solving += probe.seconds_of(0.5 * passes * strengths * layers *
                                                 static_cast<double>(calibration.holdout));
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
