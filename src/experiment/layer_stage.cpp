#include "experiment/layer_stage.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "batched/batched_descent.hpp"
#include "calibration/bfloat16_scope.hpp"
#include "calibration/collect.hpp"
#include "calibration/gram_collector.hpp"
#include "core/errors.hpp"
#include "experiment/quantize_layer.hpp"
#include "experiment/workload.hpp"

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

/** What one call of run() works with. */
struct LayerStage::Work {
    const StatisticsCache& cache;
    RunJournal& journal;
    BadImages& bad;
    StageTimes& times;
    const std::atomic<bool>& stop;
};

LayerStage::LayerStage(const ExperimentConfig& config, const LoadedModel& model,
                       const RunImages& images, const RunKeys& keys, const CacheFolder& cache,
                       torch::Device device)
    : config_(config),
      model_(model),
      images_(images),
      keys_(keys),
      cache_(cache),
      device_(device),
      method_(make_method(config.quantization, descent_on(device))),
      round_to_nearest_(make_round_to_nearest(config.quantization)) {}

void LayerStage::run(const LayerPlan& plan, RunJournal& journal, BadImages& bad, StageTimes& times,
                     const std::atomic<bool>& stop) {
    auto rest = unfinished_layers(plan, journal);
    if (rest.size() < plan.layers.size()) {
        spdlog::info("{} of {} layers were finished before", plan.layers.size() - rest.size(),
                     plan.layers.size());
    }
    const StatisticsCache cache = shared_statistics(plan);
    Work work{cache, journal, bad, times, stop};
    while (!rest.empty()) {
        if (const auto solved = solve_cached(rest, work); solved > 0) {
            spdlog::info("statistics of {} layers came from the cache ({})", solved,
                         config_.resources.cache.string());
            continue;
        }
        auto lock = cache.lock(stop);
        // Whoever had the lock may have collected some meanwhile.
        if (lock && cache.holds(rest.front().entry.layer->name())) continue;
        const auto group =
            group_by_memory(LayerPlan{rest, {}}.entries(), config_.resources.memory_bytes,
                            sums_further_rows(config_.calibration))
                .front();
        auto statistics = times.timed("calibrate", [&] { return collect(group, work); });
        lock.reset();
        times.timed("solve", [&] {
            Progress progress("quantization", "layers", static_cast<int64_t>(group.size()));
            for (std::size_t i = 0; i < group.size(); ++i) {
                const auto mine = std::exchange(statistics[i], {});
                if (!mine.grams.empty()) solve(rest[i], mine, progress, work);
            }
        });
        rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(group.size()));
    }
    journal.exchange(communicator());
}

/** Off where the statistics depend on the solver, or would push one another out. */
StatisticsCache LayerStage::shared_statistics(const LayerPlan& plan) const {
    int64_t bytes = 0;
    for (const auto& planned : plan.layers) bytes += gram_bytes(*planned.entry.layer) / 2;
    if (config_.calibration.holdout > 0) bytes *= 2;
    const bool fits = bytes <= config_.resources.cache_limit_bytes;
    if (cache_.enabled() && !fits) {
        spdlog::info("the statistics of all layers take {}, so they are not cached: {}",
                     format_bytes(static_cast<double>(bytes)),
                     "raise resources.cache_limit to share them between runs");
    }
    const bool shareable = fits && communicator().size() == 1 &&
                           config_.calibration.inputs == CalibrationInputs::full_precision;
    return {cache_, keys_.statistics, shareable};
}

std::vector<LayerStatistics> LayerStage::collect(const std::vector<Network::LayerEntry>& layers,
                                                 Work& work) const {
    CalibrationPass pass{images_.calibration_source.get(), images_.calibration,
                         model_.description->preprocessing, config_.calibration.batch_size};
    pass.augmentation_seed = augmentation_seed(config_);
    if (const auto rows = config_.calibration.rows_per_image) {
        pass.row_sample.emplace(config_.seed, *rows);
    }
    if (config_.calibration.weighting == Weighting::fisher) {
        pass.weighting = FisherWeighting{config_.calibration.weighting_power,
                                         config_.calibration.weighting_share, config_.seed};
    }
    if (config_.calibration.precision == Precision::bfloat16) {
        pass.bfloat16 = true;
        if (device_.is_cpu() && !cpu_has_bfloat16()) {
            spdlog::warn(
                "calibration.precision: this CPU does not multiply bfloat16, so it is slower than "
                "float32 here");
        }
    }
    auto statistics =
        collect_statistics(*model_.network, layers, pass, device_, work.bad, work.stop);
    // Another run may not allow images to be left out.
    if (work.bad.count() == 0) {
        for (std::size_t i = 0; i < layers.size(); ++i) {
            work.cache.store(layers[i].layer->name(), statistics[i]);
        }
        work.cache.trim();
    }
    return statistics;
}

std::size_t LayerStage::solve_cached(std::vector<PlannedLayer>& rest, Work& work) const {
    const auto held = std::ranges::count_if(rest, [&](const PlannedLayer& planned) {
        return work.cache.holds(planned.entry.layer->name());
    });
    if (held == 0) return 0;
    return work.times.timed("solve", [&] {
        Progress progress("quantization", "layers", held);
        std::vector<PlannedLayer> missing;
        for (const auto& planned : rest) {
            if (auto statistics = work.cache.load(planned.entry.layer->name())) {
                solve(planned, *statistics, progress, work);
            } else {
                missing.push_back(planned);
            }
        }
        const auto solved = rest.size() - missing.size();
        rest = std::move(missing);
        return solved;
    });
}

void LayerStage::solve(const PlannedLayer& planned, const LayerStatistics& statistics,
                       Progress& progress, Work& work) const {
    if (work.stop) {
        throw Interrupted("interrupted; {} layers are kept", work.journal.finished_layers().size());
    }
    FinishedLayer finished;
    finished.record = quantize_layer(planned, statistics, *method_, *round_to_nearest_);
    work.journal.store_layer(finished);
    progress.advance(1, finished.record.name);
}

}  // namespace comq
