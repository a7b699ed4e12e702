#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>

#include "activations/input_range.hpp"

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

}  // namespace comq
