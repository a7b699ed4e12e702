#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/loader.hpp"
#include "experiment/layer_plan.hpp"
#include "experiment/setup.hpp"
#include "experiment/stage_times.hpp"
#include "experiment/statistics_cache.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/**
 * Statistics of layers in the full-precision network: as many layers at a time as the memory
 * budget allows have theirs collected on the calibration images, or taken from the cache.
 */
class StatisticsStage {
  public:
    /** Keeps references to all but `plan`, which has the layers that will be asked for. */
    StatisticsStage(const ExperimentConfig& config, const LoadedModel& model,
                    const RunImages& images, const RunKeys& keys, const CacheFolder& cache,
                    const LayerPlan& plan, torch::Device device);

    struct Use {
        std::string stage;     ///< name of its time in the result file
        std::string progress;  ///< title of its progress
        std::function<void(const PlannedLayer&, const LayerStatistics&)> visit;
        bool again = false;  ///< the same layers are asked for again, so keep them where they fit
    };

    /**
     * Visits each of `layers` once, in any order and on the CPU from several threads; with several
     * ranks, each rank those it owns. Throws Interrupted when `stop` is set while images are read.
     */
    void for_each(std::vector<PlannedLayer> layers, const Use& use, BadImages& bad,
                  StageTimes& times, const std::atomic<bool>& stop);

  private:
    /** Calls `visit(i)` for i < count, several at a time where the solver runs on the CPU. */
    void visit_layers(std::size_t count, const std::function<void(std::size_t)>& visit) const;
    std::size_t visit_at_hand(std::vector<PlannedLayer>& rest, const Use& use, StageTimes& times);
    std::vector<LayerStatistics> collect(const std::vector<Network::LayerEntry>& layers,
                                         BadImages& bad, const std::atomic<bool>& stop) const;

    const ExperimentConfig& config_;
    const LoadedModel& model_;
    const RunImages& images_;
    torch::Device device_;
    StatisticsCache cache_;
    std::map<std::string, LayerStatistics> kept_;
};

}  // namespace comq
