#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "calibration/row_importance.hpp"
#include "data/loader.hpp"
#include "experiment/layer_plan.hpp"
#include "experiment/setup.hpp"
#include "experiment/stage_times.hpp"
#include "passes/logit_divergence.hpp"
#include "passes/side_by_side.hpp"
#include "quantization/method.hpp"
#include "results/run_journal.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/**
 * Quantizes the layers of a plan one after the other in the order in which they run, each fitted to
 * the inputs that it sees once the layers before it are quantized (quantization/propagation.hpp).
 */
class PropagationStage {
  public:
    /**
     * `original` is a second copy of `model.network`, whose weights are quantized as the run goes.
     */
    PropagationStage(const ExperimentConfig& config, const LoadedModel& model,
                     std::shared_ptr<Network> original, const RunImages& images,
                     torch::Device device);

    /**
     * On return `journal` has all layers of `plan`, and the network their weights. Throws
     * InputError when no image of those that are needed can be read, Interrupted when `stop` is
     * set; what is stored then stays.
     */
    void run(const LayerPlan& plan, RunJournal& journal, BadImages& bad, StageTimes& times,
             const std::atomic<bool>& stop);

  private:
    /** `importance` is null where all rows count alike. */
    LayerStatistics collect(const PlannedLayer& planned, const SideBySide& walk,
                            const RowImportance* importance) const;
    /** `divergence` is null where a strength is given, or judged by the layer's output. */
    LayerRecord solve(const PlannedLayer& planned, const LayerStatistics& statistics,
                      const LogitDivergence* divergence) const;

    const ExperimentConfig& config_;
    const LoadedModel& model_;
    std::shared_ptr<Network> original_;
    const RunImages& images_;
    torch::Device device_;
    std::unique_ptr<Method> method_;
    std::unique_ptr<Method> round_to_nearest_;
};

}  // namespace comq
