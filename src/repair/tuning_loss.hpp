#pragma once

#include "torch_bridge/torch.hpp"

#include "networks/network.hpp"
#include "repair/repair_config.hpp"

namespace comq {

/** What tuning brings down: how far a quantized network is from one of full precision, or from
 * labels. */
class TuningLoss {
  public:
    /** Keeps the networks. */
    TuningLoss(NormTuning kind, const Network& full_precision, const Network& quantized);

    /**
     * Summed over images, with the graph of the quantized network's parameters that want gradients.
     * `pixels` [B, 3, H, W], `labels` [B] i64, read by NormTuning::labels alone. `expected`: the
     * logits [B, classes] of full precision, where known, for NormTuning::full_precision_logits.
     */
    torch::Tensor of(const torch::Tensor& pixels, const torch::Tensor& labels,
                     const torch::Tensor& expected = {}) const;

  private:
    torch::Tensor of_blocks(const torch::Tensor& pixels) const;

    NormTuning kind_;
    const Network& full_precision_;
    const Network& quantized_;
};

}  // namespace comq
