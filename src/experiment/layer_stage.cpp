#include "experiment/layer_stage.hpp"

#include <spdlog/spdlog.h>

#include "batched/batched_descent.hpp"
#include "core/errors.hpp"
#include "experiment/quantize_layer.hpp"

namespace comq {

namespace {

std::vector<PlannedLayer> unfinished_layers(const LayerPlan& plan, const RunJournal& journal) {
    std::vector<PlannedLayer> rest;
    for (const auto& planned : plan.layers) {
        if (!journal.layer(planned.entry.layer->name())) rest.push_back(planned);
    }
    return rest;
}

}  // namespace

LayerStage::LayerStage(const QuantizationConfig& config, StatisticsStage& statistics,
                       torch::Device device)
    : statistics_(statistics),
      method_(make_method(config, descent_on(device))),
      round_to_nearest_(make_round_to_nearest(config)) {}

void LayerStage::run(const LayerPlan& plan, RunJournal& journal, BadImages& bad, StageTimes& times,
                     const std::atomic<bool>& stop) {
    const auto rest = unfinished_layers(plan, journal);
    if (rest.size() < plan.layers.size()) {
        spdlog::info("{} of {} layers were finished before", plan.layers.size() - rest.size(),
                     plan.layers.size());
    }
    const auto solve = [&](const PlannedLayer& planned, const LayerStatistics& statistics) {
        if (stop) {
            throw Interrupted("interrupted; {} layers are kept", journal.finished_layers().size());
        }
        journal.store_layer(
            {quantize_layer(planned, statistics, *method_, *round_to_nearest_), {}});
    };
    statistics_.for_each(rest, {"solve", "quantization", solve}, bad, times, stop);
    journal.exchange(communicator());
}

}  // namespace comq
