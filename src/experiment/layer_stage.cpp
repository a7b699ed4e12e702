#include "experiment/layer_stage.hpp"

#include <spdlog/spdlog.h>

#include <memory>

#include "core/background_queue.hpp"
#include "core/errors.hpp"
#include "device_descent/batched_descent.hpp"
#include "experiment/quantize_layer.hpp"

namespace comq {

namespace {

/** Finished layers that a kill may lose, since they wait for the disk. */
constexpr std::size_t most_unwritten = 4;

std::vector<PlannedLayer> unfinished_layers(const LayerPlan& plan, const RunJournal& journal) {
    std::vector<PlannedLayer> rest;
    for (const auto& planned : plan.layers) {
        if (!journal.has_layer(planned.entry.layer->name())) rest.push_back(planned);
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
    BackgroundQueue writer(most_unwritten);
    const auto solve = [&](const PlannedLayer& planned, const LayerStatistics& statistics) {
        if (stop) {
            writer.finish();
            throw Interrupted("interrupted; {} layers are kept", journal.finished_layers().size());
        }
        const auto finished = std::make_shared<const LayerRecord>(
            quantize_layer(planned, statistics, *method_, *round_to_nearest_));
        writer.push([&journal, finished] { journal.store_layer(*finished); });
    };
    statistics_.for_each(rest, {.stage = "solve", .progress = "quantization", .visit = solve}, bad,
                         times, stop);
    times.timed("solve", [&] { writer.finish(); });
    journal.exchange(communicator());
}

}  // namespace comq
