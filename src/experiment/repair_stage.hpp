#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "data/loader.hpp"
#include "experiment/setup.hpp"
#include "experiment_config/experiment_config.hpp"
#include "results/run_journal.hpp"

namespace comq {

/**
 * The repairs of the section `repair`. Folding comes before calibration, the others once the
 * quantized weights are installed; each is logged with what it changed.
 */
class RepairStage {
  public:
    RepairStage(const ExperimentConfig& config, const LoadedModel& model, const RunImages& images,
                torch::Device device);

    /** `repair.fold_batch_norm`, on the network as loaded. */
    void before_calibration();

    /** A second copy of the network as calibration sees it: float weights, folded or not. */
    std::shared_ptr<Network> original() const;

    /**
     * The others, on the network with the quantized weights of `layers` installed; a refit changes
     * the scales of `layers` too. What they change is stored in `journal`, scales as "LAYER/scale",
     * and taken from there where an earlier run stored it.
     */
    void after_quantization(std::vector<LayerRecord>& layers, RunJournal& journal, BadImages& bad,
                            const std::atomic<bool>& stop);

    /**
     * Every tensor of the network that differs from the checkpoint, but for the weights of
     * `quantized` layers: RunRecord::parameters.
     */
    TensorMap changed_parameters(const std::vector<LayerRecord>& quantized) const;

    bool uses_labels() const { return config_.norm_tuning == NormTuning::labels; }
    bool uses_gradients() const { return config_.norm_tuning != NormTuning::none; }

  private:
    bool refits() const;
    bool repairs_after_quantization() const;
    void repair(std::vector<LayerRecord>& layers, const RunJournal& journal, BadImages& bad,
                const std::atomic<bool>& stop);
    void install(const TensorMap& repaired, std::vector<LayerRecord>& layers) const;

    const RepairConfig& config_;
    const ExperimentConfig& experiment_;
    const LoadedModel& model_;
    const RunImages& images_;
    torch::Device device_;
};

/**
 * The images of `repair.images`: those of the calibration, or a draw of their own. What the
 * calibration holds out fits no repair either.
 */
std::vector<int64_t> select_repair_images(const ExperimentConfig& config, const RunImages& images);

}  // namespace comq
