#include "experiment/statistics_stage.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "calibration/bfloat16_scope.hpp"
#include "calibration/collect.hpp"
#include "calibration/gram_collector.hpp"
#include "core/communicator.hpp"
#include "core/in_flight.hpp"
#include "core/progress.hpp"
#include "core/threads.hpp"
#include "core/units.hpp"
#include "experiment/workload.hpp"

namespace comq {

namespace {

/** Cache of statistics; off where they depend on the solver, or would push one another out. */
StatisticsCache shared_cache(const ExperimentConfig& config, const RunKeys& keys,
                             const CacheFolder& folder, const LayerPlan& plan) {
    int64_t bytes = 0;
    for (const auto& planned : plan.layers) bytes += gram_bytes(*planned.entry.layer) / 2;
    bytes *= 1 + further_passes(config.calibration);
    const bool fits = bytes <= config.resources.cache_limit_bytes;
    if (folder.enabled() && !fits) {
        spdlog::info("the statistics of all layers take {}, so they are not cached: {}",
                     format_bytes(static_cast<double>(bytes)),
                     "raise resources.cache_limit to share them between runs");
    }
    const bool shareable = fits && communicator().size() == 1 &&
                           config.calibration.inputs == CalibrationInputs::full_precision;
    return {folder, keys.statistics, shareable};
}

}  // namespace

StatisticsStage::StatisticsStage(const ExperimentConfig& config, const LoadedModel& model,
                                 const RunImages& images, const RunKeys& keys,
                                 const CacheFolder& cache, const LayerPlan& plan,
                                 torch::Device device)
    : config_(config),
      model_(model),
      images_(images),
      device_(device),
      cache_(shared_cache(config, keys, cache, plan)) {}

void StatisticsStage::for_each(std::vector<PlannedLayer> rest, const Use& use, BadImages& bad,
                               StageTimes& times, const std::atomic<bool>& stop) {
    const std::size_t all = rest.size();
    while (!rest.empty()) {
        if (visit_at_hand(rest, use, times) > 0) continue;
        auto lock = cache_.lock(stop);
        // Whoever had the lock may have collected some meanwhile.
        if (lock && cache_.holds(rest.front().entry.layer->name())) continue;
        const auto group =
            group_by_memory(LayerPlan{rest, {}}.entries(), config_.resources.memory_bytes,
                            further_passes(config_.calibration))
                .front();
        auto statistics = times.timed("calibrate", [&] { return collect(group, bad, stop); });
        lock.reset();
        const bool keep = use.again && group.size() == all && !cache_.enabled();
        times.timed(use.stage, [&] {
            // Of several ranks each has the statistics of its own layers.
            Progress progress(use.progress, "layers",
                              std::ranges::count_if(statistics, [](const LayerStatistics& one) {
                                  return !one.grams.empty();
                              }));
            visit_layers(group.size(), [&](std::size_t i) {
                auto mine = std::exchange(statistics[i], {});
                if (mine.grams.empty()) return;
                use.visit(rest[i], mine);
                progress.advance(1, group[i].layer->name());
                if (keep) statistics[i] = std::move(mine);
            });
            if (!keep) return;
            for (std::size_t i = 0; i < group.size(); ++i) {
                kept_[group[i].layer->name()] = std::move(statistics[i]);
            }
        });
        rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(group.size()));
    }
}

void StatisticsStage::visit_layers(std::size_t count,
                                   const std::function<void(std::size_t)>& visit) const {
    // A device has memory for one.
    visit_in_flight(count, device_.is_cpu() ? layers_solved_at_once(thread_count()) : 1, visit);
}

/** Visits and removes the layers of `rest` whose statistics are there; returns how many. */
std::size_t StatisticsStage::visit_at_hand(std::vector<PlannedLayer>& rest, const Use& use,
                                           StageTimes& times) {
    const auto held = std::ranges::count_if(rest, [&](const PlannedLayer& planned) {
        const std::string& name = planned.entry.layer->name();
        return kept_.contains(name) || cache_.holds(name);
    });
    if (held == 0) return 0;
    return times.timed(use.stage, [&] {
        Progress progress(use.progress, "layers", held);
        std::vector<char> visited(rest.size(), 0);
        std::atomic<int64_t> cached = 0;
        visit_layers(rest.size(), [&](std::size_t i) {
            const std::string& name = rest[i].entry.layer->name();
            if (const auto kept = kept_.find(name); kept != kept_.end()) {
                use.visit(rest[i], std::exchange(kept->second, {}));
            } else if (const auto statistics = cache_.load(name)) {
                use.visit(rest[i], *statistics);
                ++cached;
            } else {
                return;
            }
            visited[i] = 1;
            progress.advance(1, name);
        });
        kept_.clear();
        if (cached > 0) {
            spdlog::info("statistics of {} layers came from the cache ({})", cached.load(),
                         config_.resources.cache.string());
        }
        std::vector<PlannedLayer> missing;
        for (std::size_t i = 0; i < rest.size(); ++i) {
            if (visited[i] == 0) missing.push_back(rest[i]);
        }
        const auto count = rest.size() - missing.size();
        rest = std::move(missing);
        return count;
    });
}

std::vector<LayerStatistics> StatisticsStage::collect(
    const std::vector<Network::LayerEntry>& layers, BadImages& bad,
    const std::atomic<bool>& stop) const {
    CalibrationPass pass{calibration_pass(config_, model_, images_, device_, bad, stop),
                         images_.calibration.held_out};
    if (const auto rows = config_.calibration.rows_per_image) {
        pass.row_sample.emplace(config_.seed, *rows);
    }
    if (config_.calibration.weighting == Weighting::fisher) {
        pass.weighting = fisher_weighting(config_);
    }
    if (config_.calibration.precision == Precision::bfloat16) {
        pass.bfloat16 = true;
        if (device_.is_cpu() && !cpu_has_bfloat16()) {
            spdlog::warn(
                "calibration.precision: this CPU does not multiply bfloat16, so it is slower than "
                "float32 here");
        }
    }
    auto statistics = collect_statistics(*model_.network, layers, pass);
    // Another run may not allow images to be left out.
    if (bad.count() == 0) {
        for (std::size_t i = 0; i < layers.size(); ++i) {
            cache_.store(layers[i].layer->name(), statistics[i]);
        }
        cache_.trim();
    }
    return statistics;
}

}  // namespace comq
