#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "calibration/statistics.hpp"
#include "core/communicator.hpp"
#include "core/progress.hpp"
#include "data/loader.hpp"
#include "experiment/layer_plan.hpp"
#include "experiment/setup.hpp"
#include "experiment/stage_times.hpp"
#include "experiment/statistics_cache.hpp"
#include "quantization/method.hpp"
#include "results/run_journal.hpp"

namespace comq {

/**
 * Quantizes the layers of a plan that the journal lacks: as many at a time as the memory budget
 * allows have their statistics collected (or taken from the cache), then each is solved and
 * stored. The ranks of communicator() share both.
 */
class LayerStage {
  public:
    /** Keeps references to all but the device. */
    LayerStage(const ExperimentConfig& config, const LoadedModel& model, const RunImages& images,
               const RunKeys& keys, const CacheFolder& cache, torch::Device device);

    /**
     * On return the journal of every rank has all layers of `plan`; the network is as before.
     * Throws Interrupted when `stop` is set; what is stored then stays.
     */
    void run(const LayerPlan& plan, RunJournal& journal, BadImages& bad, StageTimes& times,
             const std::atomic<bool>& stop);

  private:
    struct Work;

    StatisticsCache shared_statistics(const LayerPlan& plan) const;
    std::vector<LayerStatistics> collect(const std::vector<Network::LayerEntry>& layers,
                                         Work& work) const;
    /** Solves and removes the layers of `rest` whose statistics are cached; returns how many. */
    std::size_t solve_cached(std::vector<PlannedLayer>& rest, Work& work) const;
    void solve(const PlannedLayer& planned, const LayerStatistics& statistics, Progress& progress,
               Work& work) const;

    const ExperimentConfig& config_;
    const LoadedModel& model_;
    const RunImages& images_;
    const RunKeys& keys_;
    const CacheFolder& cache_;
    torch::Device device_;
    std::unique_ptr<Method> method_;
    std::unique_ptr<Method> round_to_nearest_;
};

}  // namespace comq
