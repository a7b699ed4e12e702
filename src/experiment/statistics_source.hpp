#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "calibration/calibration_config.hpp"
#include "experiment/layer_plan.hpp"
#include "experiment/statistics_cache.hpp"
#include "statistics/statistics.hpp"

namespace comq {

struct RunContext;

/**
 * Statistics of layers in the full-precision network: as many layers at a time as the memory
 * budget allows have theirs collected on the calibration images, or taken from the cache.
 */
class StatisticsSource {
  public:
    /** Whether other runs may use what is collected, and this one what they have. */
    enum class Sharing { cached, none };

    /** Keeps the reference. */
    explicit StatisticsSource(RunContext& context, Sharing sharing = Sharing::cached);

    struct Use {
        std::string stage;     ///< name of its time in the result file
        std::string progress;  ///< title of its progress
        std::function<void(const PlannedLayer&, const LayerStatistics&)> visit;
        bool again = false;  ///< the same layers are asked for again, so keep them where they fit
    };

    /**
     * Visits each of `layers` once, in any order and on the CPU from several threads; with several
     * ranks, each rank those it owns. Throws Interrupted on a stop while images are read.
     */
    void for_each(std::vector<PlannedLayer> layers, const Use& use);

    /** Collects what the cache does not hold of `layers`; nothing where there is no cache. */
    void collect_missing(std::vector<PlannedLayer> layers);

  private:
    /** Calls `visit(i)` for i < count, several at a time where the solver runs on the CPU. */
    void visit_layers(std::size_t count, const std::function<void(std::size_t)>& visit) const;
    /** As many of `rest`, from the first on, as memory holds the statistics of. */
    std::vector<Network::LayerEntry> next_group(const std::vector<PlannedLayer>& rest) const;
    std::size_t visit_at_hand(std::vector<PlannedLayer>& rest, const Use& use);
    std::vector<LayerStatistics> collect(const std::vector<Network::LayerEntry>& layers) const;

    RunContext& context_;
    StatisticsCache cache_;
    std::map<std::string, LayerStatistics> kept_;
};

/** What calibration holds of a layer, in Grams that are being summed; a finished one is half. */
struct GramCopies {
    double at_peak;   ///< while the last ones are summed
    double finished;  ///< plain, weighted and held-out ones
};
GramCopies gram_copies(const CalibrationConfig& config);

/** How many layers are solved at a time on the CPU: each needs its whole Gram. */
int layers_solved_at_once(int threads);

}  // namespace comq
