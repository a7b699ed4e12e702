#pragma once

#include <atomic>
#include <memory>

#include "core/communicator.hpp"
#include "data/loader.hpp"
#include "experiment/layer_plan.hpp"
#include "experiment/stage_times.hpp"
#include "experiment/statistics_stage.hpp"
#include "quantization/method.hpp"
#include "results/run_journal.hpp"

namespace comq {

/**
 * Quantizes the layers of a plan that the journal lacks, each from its statistics alone. The ranks
 * of communicator() share them.
 */
class LayerStage {
  public:
    /** Keeps a reference to `statistics`. */
    LayerStage(const QuantizationConfig& config, StatisticsStage& statistics, torch::Device device);

    /**
     * On return the journal of every rank has all layers of `plan`; the network is as before.
     * Throws Interrupted when `stop` is set, once every finished layer is stored. Layers are
     * written on a thread of their own: a kill loses, besides those being solved, up to four that
     * wait for the disk.
     */
    void run(const LayerPlan& plan, RunJournal& journal, BadImages& bad, StageTimes& times,
             const std::atomic<bool>& stop);

  private:
    StatisticsStage& statistics_;
    std::unique_ptr<Method> method_;
    std::unique_ptr<Method> round_to_nearest_;
};

}  // namespace comq
