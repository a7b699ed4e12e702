#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "activations/find_ranges.hpp"

namespace comq {

/** Levels δ·k, k ∈ {lowest, …, lowest + top_code}; both tensors broadcast with what is rounded. */
struct RoundingGrid {
    torch::Tensor scale;   ///< δ > 0
    torch::Tensor lowest;  ///< whole numbers; z of the weights' δ·(q + z)
    int64_t top_code;      ///< 2^bits − 1

    /** To the nearest level, half to even, `values` beyond the levels to the outermost one. */
    torch::Tensor round(const torch::Tensor& values) const;
};

/**
 * Asymmetric: δ = (max − min)/(2^b − 1) with lowest = round(min/δ) over the range widened to hold
 * 0, so that 0 (padding, ReLU) stays exact. Symmetric: δ = max(|min|, |max|)/(2^(b−1) − 1) with
 * lowest = −2^(b−1). In fp32. A range that is only 0 gets δ = 1.
 */
RoundingGrid rounding_grid(const InputRange& range, int bits, bool symmetric);

/**
 * Rounds the inputs of some layers while the network runs. Where ranges are calibrated one grid
 * serves all images; per token, a grid covers the features of one token of a Linear layer, or one
 * image at the input of a convolution, whose rows share pixels. Many threads may use one tap.
 */
class RoundingTap : public Tap {
  public:
    /** `config.bits` is set. `ranges` of all `layers`, unread where ranges are not calibrated. */
    RoundingTap(const std::vector<Network::LayerEntry>& layers, const InputRanges& ranges,
                const ActivationConfig& config, torch::Device device);

    torch::Tensor on_input(const Observable& layer, const torch::Tensor& input) override;

  private:
    ActivationConfig config_;
    std::map<const Observable*, RoundingGrid> grids_;
};

}  // namespace comq
