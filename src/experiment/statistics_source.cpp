#include "experiment/statistics_source.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "calibration/collect.hpp"
#include "core/progress.hpp"
#include "core/text.hpp"
#include "core/threads.hpp"
#include "experiment/run_context.hpp"

namespace comq {

namespace {

/** Cache of statistics; off where ranks have them, or where they would push one another out. */
StatisticsCache shared_cache(const RunContext& context, StatisticsSource::Sharing sharing) {
    const auto& config = context.config;
    double bytes = 0.0;
    for (const auto& planned : context.plan.layers) {
        bytes += static_cast<double>(gram_bytes(*planned.entry.layer));
    }
    bytes *= gram_copies(config.calibration).finished;
    const bool fits = bytes <= static_cast<double>(config.resources.cache_limit_bytes);
    if (context.cache.enabled() && !fits) {
        spdlog::info("the statistics of all layers take {}, so they are not cached: {}",
                     format_bytes(bytes), "raise resources.cache_limit to share them between runs");
    }
    std::string origin = context.keys.statistics;
    // Which rotation was best depends on more than statistics do.
    if (context.rotation) {
        origin += fmt::format("rotation: {} {}\n", context.rotation->seed, context.rotation->share);
    }
    return {context.cache, std::move(origin),
            fits && context.ranks.size() == 1 && sharing == StatisticsSource::Sharing::cached};
}

}  // namespace

StatisticsSource::StatisticsSource(RunContext& context, Sharing sharing)
    : context_(context), cache_(shared_cache(context, sharing)) {}

void StatisticsSource::for_each(std::vector<PlannedLayer> rest, const Use& use) {
    const std::size_t all = rest.size();
    while (!rest.empty()) {
        if (visit_at_hand(rest, use) > 0) continue;
        auto lock = cache_.lock(context_.stop);
        // Whoever had the lock may have collected some meanwhile.
        if (lock && cache_.holds(rest.front().entry.layer->name())) continue;
        const auto group = next_group(rest);
        auto statistics = context_.times.timed("calibrate", [&] { return collect(group); });
        lock.reset();
        const bool keep = use.again && group.size() == all && !cache_.enabled();
        context_.times.timed(use.stage, [&] {
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

void StatisticsSource::collect_missing(std::vector<PlannedLayer> rest) {
    if (!cache_.enabled()) return;
    const auto drop_held = [&] {
        std::erase_if(rest, [&](const PlannedLayer& planned) {
            return cache_.holds(planned.entry.layer->name());
        });
    };
    for (drop_held(); !rest.empty();) {
        auto lock = cache_.lock(context_.stop);
        drop_held();  // whoever had the lock may have collected some
        if (rest.empty()) return;
        const auto group = next_group(rest);
        context_.times.timed("calibrate", [&] { collect(group); });
        context_.journal->leave_mark("cached");
        // Also where they could not be stored, which has been said.
        rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(group.size()));
    }
}

std::vector<Network::LayerEntry> StatisticsSource::next_group(
    const std::vector<PlannedLayer>& rest) const {
    return group_by_memory(LayerPlan{rest, {}}.entries(), context_.config.resources.memory_bytes,
                           gram_copies(context_.config.calibration).at_peak)
        .front();
}

void StatisticsSource::visit_layers(std::size_t count,
                                    const std::function<void(std::size_t)>& visit) const {
    // A device has memory for one.
    visit_in_flight(count, context_.device.is_cpu() ? layers_solved_at_once(thread_count()) : 1,
                    visit);
}

/** Visits and removes the layers of `rest` whose statistics are there; returns how many. */
std::size_t StatisticsSource::visit_at_hand(std::vector<PlannedLayer>& rest, const Use& use) {
    const auto held = std::ranges::count_if(rest, [&](const PlannedLayer& planned) {
        const std::string& name = planned.entry.layer->name();
        return kept_.contains(name) || cache_.holds(name);
    });
    if (held == 0) return 0;
    return context_.times.timed(use.stage, [&] {
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
                         context_.config.resources.cache.string());
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

std::vector<LayerStatistics> StatisticsSource::collect(
    const std::vector<Network::LayerEntry>& layers) const {
    const ExperimentConfig& config = context_.config;
    CalibrationPass pass{context_.calibration_pass(), context_.images.calibration.held_out};
    if (const auto rows = config.calibration.rows_per_image) {
        pass.row_sample.emplace(config.seed, *rows);
    }
    if (config.calibration.weighting == Weighting::row_importance) {
        pass.weighting = row_weighting(config);
    }
    if (config.calibration.precision == Precision::bfloat16) {
        pass.bfloat16 = true;
        if (context_.device.is_cpu() && !cpu_has_bfloat16()) {
            spdlog::warn(
                "calibration.precision: this CPU does not multiply bfloat16, so it is slower than "
                "float32 here");
        }
    }
    auto statistics = collect_statistics(*context_.model.network, layers, pass);
    // Another run may not allow images to be left out.
    if (context_.bad_calibration.count() == 0) {
        for (std::size_t i = 0; i < layers.size(); ++i) {
            cache_.store(layers[i].layer->name(), statistics[i]);
        }
        cache_.trim();
    }
    return statistics;
}

GramCopies gram_copies(const CalibrationConfig& config) {
    const double weighted =
        config.weighting == Weighting::none ? 0.0 : static_cast<double>(config.weighting_parts);
    const double held_out = config.holdout > 0 ? 1.0 : 0.0;
    // One pass after the other, beside what those before it have summed.
    const double peak = std::max(0.5 + weighted, 0.5 + 0.5 * weighted + held_out);
    return {std::max(1.0, peak), 0.5 * (1.0 + weighted + held_out)};
}

int layers_solved_at_once(int threads) { return std::min(threads, 4); }

}  // namespace comq
