#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiment_config/experiment_config.hpp"
#include "networks/network.hpp"
#include "passes/logit_divergence.hpp"
#include "passes/side_by_side.hpp"
#include "repair/affine_refit.hpp"
#include "results/run_record.hpp"

namespace comq {

/**
 * Closed-form repairs that bring the outputs of a quantized network closer to those of the
 * full-precision one, channel by channel (repair/affine_refit.hpp), in the order of execution: each
 * layer and norm is fitted to what the ones before it give once they are refitted.
 *
 * `repair.output_refit`: the factor goes into the scales of a quantized layer, its codes stay; the
 * shift into its bias, or into the running mean of the BatchNorm behind a layer without one. A
 * layer with neither gets the factor alone; where a layer has one scale, so has it one factor.
 * `repair.norm_refit`: both go into weight and bias of the norms behind a quantized layer.
 *
 * The closest output is not the best: least squares shrinks what is noisy, and a network of layers
 * that are all shrunken knows nothing (DeiT-Tiny at 2 bits falls from 45.8% to 3.2% Top-1, though
 * the mean squared relative error of its layers' outputs falls from 0.48 to 0.40). So each step,
 * the shift alone and factor and shift, is tried half and whole, and taken only as far as it lowers
 * the LogitDivergence on the held-out images.
 */
class RefitStage {
  public:
    /** How many layers or norms took which step ("none", "shift", "half the shift"). */
    using Choices = std::map<std::string, int64_t>;

    /** `walk` goes through both networks, its images read; those held out choose. */
    RefitStage(const ExperimentConfig& config, Network& network, SideBySide& walk);

    /**
     * Changes the network, whose quantized weights are those of `layers`, and the scales of
     * `layers`. The same bits for any number of threads. Throws InputError naming a layer or norm
     * whose outputs are not finite.
     */
    void run(std::vector<LayerRecord>& layers);

    const Choices& outputs() const { return outputs_; }
    const Choices& norms() const { return norms_; }
    /** Divergence of the predictions on held-out images, mean over them, in nats. */
    double divergence_before() const { return divergence_before_; }
    double divergence_after() const { return divergence_now_; }

  private:
    /** What is refitted; `take` sets its parameters to those it began with, after a step. */
    struct Site {
        std::string name;
        int64_t channels;  ///< dimension of its output
        bool can_shift;
        bool shared_slope;
        std::function<void(const AffineStep&)> take;
    };

    Site site_of(QuantizableLayer& layer, LayerRecord& record) const;
    /** None: the norm has no affine. */
    static std::optional<Site> site_of(const std::string& name, torch::nn::Module& norm);
    void refit(const Site& site, Choices& choices);
    OutputSums sums_of(const Site& site) const;

    const ExperimentConfig& config_;
    Network& network_;
    SideBySide& walk_;
    std::map<const QuantizableLayer*, torch::Tensor> mean_behind_;  ///< of BatchNorms
    LogitDivergence divergence_;
    double divergence_before_;
    double divergence_now_;
    Choices outputs_;
    Choices norms_;
};

}  // namespace comq
