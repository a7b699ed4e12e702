#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/experiment_config.hpp"
#include "experiment/side_by_side.hpp"
#include "models/network.hpp"
#include "repair/affine_refit.hpp"
#include "results/run_record.hpp"

namespace comq {

/** What refitting did to the layers, or to the norms, of a network. */
struct RefitSummary {
    std::map<double, int64_t> strengths;  ///< how many took which share of their step
    /** Mean over them of ‖Y − X‖² / ‖Y‖² on the images that chose, before and after the step. */
    double error_before = 0.0;
    double error_after = 0.0;

    int64_t count() const;
    void add(double strength, double before, double after);
};

/**
 * Closed-form repairs that bring the outputs of a quantized network closest to those of the
 * full-precision one, channel by channel (repair/affine_refit.hpp), in the order of execution: each
 * layer and norm is fitted to what the ones before it give once they are refitted.
 *
 * `repair.output_refit`: the factor goes into the scales of a quantized layer, its codes stay; the
 * shift into its bias, or into the running mean of the BatchNorm behind a layer without one. A
 * layer with neither gets the factor alone; where a layer has one scale, so has it one factor.
 * `repair.norm_refit`: both go into weight and bias of the norms behind a quantized layer.
 */
class RefitStage {
  public:
    RefitStage(const ExperimentConfig& config, Network& network);

    /**
     * `walk` goes through both networks, its images read. Changes `network`, whose quantized
     * weights are those of `layers`, and the scales of `layers`. The same bits for any number of
     * threads. Throws InputError naming a layer or norm whose outputs are not finite.
     */
    void run(std::vector<LayerRecord>& layers, SideBySide& walk);

    const RefitSummary& outputs() const { return outputs_; }
    const RefitSummary& norms() const { return norms_; }

  private:
    void refit_layer(QuantizableLayer& layer, LayerRecord& record, const SideBySide& walk);
    void refit_norm(const std::string& name, torch::nn::Module& norm, const SideBySide& walk);

    const ExperimentConfig& config_;
    Network& network_;
    std::map<const QuantizableLayer*, torch::Tensor> mean_behind_;  ///< of BatchNorms
    RefitSummary outputs_;
    RefitSummary norms_;
};

}  // namespace comq
