#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>

namespace comq {

/**
 * Sums over rows, by channel, of outputs x of a quantized network and of what they lack, d = y − x,
 * y being the outputs of the full-precision network: all that least squares of y on x needs.
 * Tensors are `[C]` in fp64 on the CPU.
 */
struct OutputSums {
    int64_t rows = 0;
    torch::Tensor x;
    torch::Tensor d;
    torch::Tensor xx;
    torch::Tensor xd;

    /** Adds the rows of a batch, image after image; `channels` is the dimension of the channels. */
    void add(const torch::Tensor& quantized, const torch::Tensor& full_precision, int64_t channels);
    void add(const OutputSums& other);
    bool finite() const;
};

/** x becomes x + slope·x + shift, by channel. `[C]` in fp64. */
struct AffineStep {
    torch::Tensor slope;
    torch::Tensor shift;

    /** The step with `strength` times its length. */
    AffineStep times(double strength) const { return {slope * strength, shift * strength}; }
    /** Whether anything changes. */
    bool moves() const;
};

/** What a step may change. */
enum class StepKind {
    shift,             ///< slope 0
    factor,            ///< shift 0
    factor_and_shift,  ///< both
};

/**
 * The least-squares step on `sums`, which have rows. A channel that is constant there (to fp32
 * rounding), or whose factor 1 + slope would not be positive, keeps its factor. With
 * `shared_slope` all channels have one factor.
 */
AffineStep fit_affine(const OutputSums& sums, StepKind kind, bool shared_slope = false);

}  // namespace comq
