#include "experiment/propagation_stage.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "calibration/paired_gram.hpp"
#include "core/progress.hpp"
#include "device_descent/batched_descent.hpp"
#include "experiment/quantize_layer.hpp"
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

/** A layer has another weight until the end of the scope. */
class TrialWeight {
  public:
    TrialWeight(const QuantizableLayer& layer, const QuantizedWeight& weight)
        : weight_(layer.weight().detach()), kept_(weight_.clone()) {
        auto levels = dequantize(weight);
        weight_.copy_(torch::from_blob(levels.data(), weight_.sizes()));
    }
    ~TrialWeight() { weight_.copy_(kept_); }
    TrialWeight(const TrialWeight&) = delete;
    TrialWeight& operator=(const TrialWeight&) = delete;

  private:
    torch::Tensor weight_;
    torch::Tensor kept_;
};

}  // namespace

PropagationStage::PropagationStage(const ExperimentConfig& config, const LoadedModel& model,
                                   std::shared_ptr<Network> original, const RunImages& images,
                                   torch::Device device)
    : config_(config),
      model_(model),
      original_(std::move(original)),
      images_(images),
      device_(device),
      method_(make_method(config.quantization, descent_on(device))),
      round_to_nearest_(make_round_to_nearest(config.quantization)) {}

void PropagationStage::run(const LayerPlan& plan, RunJournal& journal, BadImages& bad,
                           StageTimes& times, const std::atomic<bool>& stop) {
    auto walk = times.timed("calibrate", [&] {
        return SideBySide(*original_, *model_.network,
                          calibration_pass(config_, model_, images_, device_, bad, stop),
                          images_.calibration.held_out, journal.folder() / "activations",
                          "quantizing layer after layer");
    });
    std::optional<LogitDivergence> divergence;
    if (!config_.calibration.propagation &&
        config_.calibration.propagation_criterion == PropagationCriterion::logits) {
        times.timed("calibrate", [&] { divergence.emplace(walk); });
    }
    std::optional<RowImportance> importance;
    if (config_.calibration.weighting == Weighting::fisher) {
        times.timed("calibrate", [&] {
            importance.emplace(*original_, plan.entries(), walk, fisher_weighting(config_),
                               journal.folder() / "row_weights");
        });
    }
    std::size_t last = 0;
    for (const auto& planned : plan.layers) last = std::max(last, planned.entry.block);
    Progress progress("quantization", "layers", static_cast<int64_t>(plan.layers.size()));
    for (std::size_t block = 0; block <= last; ++block) {
        for (const auto& planned : in_order_of_execution(plan, block, walk)) {
            const std::string& name = planned.entry.layer->name();
            auto finished = journal.layer(name);
            if (!finished) {
                const auto statistics = times.timed("calibrate", [&] {
                    return collect(planned, walk, importance ? &*importance : nullptr);
                });
                times.timed("solve", [&] {
                    finished = solve(planned, statistics, divergence ? &*divergence : nullptr);
                    journal.store_layer(*finished);
                });
            }
            install_weight(*planned.entry.layer, *finished);
            walk.diverge();
            progress.advance(1, name);
        }
        if (block < last) times.timed("calibrate", [&] { walk.advance(); });
    }
}

LayerStatistics PropagationStage::collect(const PlannedLayer& planned, const SideBySide& walk,
                                          const RowImportance* importance) const {
    const QuantizableLayer& layer = *planned.entry.layer;
    LayerStatistics statistics;
    const auto sum = [&](const std::vector<int64_t>& batches, const char* paired, const char* plain,
                         const RowImportance* weights) {
        PairedGramCollector collector(layer, weights != nullptr);
        walk.for_each(batches, [&](int64_t batch) {
            const auto seen = walk.inputs(layer.name(), batch);
            const torch::InferenceMode inference;
            const auto weight = weights == nullptr
                                    ? torch::Tensor()
                                    : weights->weight(layer.name(), batch).to(device_);
            collector.add(seen.quantized, seen.full_precision, weight);
        });
        collector.take(paired, plain, statistics);
    };
    sum(walk.fitted(), statistic::paired_gram, statistic::gram, importance);
    if (!walk.held_out().empty()) {
        sum(walk.held_out(), statistic::heldout_paired_gram, statistic::heldout_gram, nullptr);
    }
    return statistics;
}

LayerRecord PropagationStage::solve(const PlannedLayer& planned, const LayerStatistics& statistics,
                                    const LogitDivergence* divergence) const {
    const QuantizableLayer& layer = *planned.entry.layer;
    double strength = 0.0;
    const auto propagated = [&](MatrixView<const float> weight) {
        const auto loss = [&](const Solution& solution) {
            if (divergence == nullptr) {
                return heldout_propagated_error(statistics, weight, solution.weight);
            }
            const TrialWeight trial(layer, solution.weight);
            return divergence->measure();
        };
        auto found = solve_propagated(*method_, layer.name(), weight, statistics, planned.bits,
                                      config_.calibration.propagation, loss);
        strength = found.strength;
        return std::move(found.solution);
    };
    LayerRecord record = quantize_layer(planned, statistics, propagated, *round_to_nearest_);
    record.propagation = strength;
    return record;
}

}  // namespace comq
