#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace comq {

/**
 * Sums over rows, by channel, of outputs x of a quantized network and of what they lack, d = y − x,
 * y being the outputs of the full-precision network: all that least squares of y on x and its error
 * on the same rows need. Tensors are `[C]` in fp64 on the CPU.
 */
struct OutputSums {
    int64_t rows = 0;
    torch::Tensor x;
    torch::Tensor d;
    torch::Tensor xx;
    torch::Tensor xd;
    torch::Tensor dd;

    /** Adds the rows of a batch, image after image; `channels` is the dimension of the channels. */
    void add(const torch::Tensor& quantized, const torch::Tensor& full_precision, int64_t channels);
    void add(const OutputSums& other);

    /** Σ y² over all channels. */
    double signal() const;
};

/** x becomes x + slope·x + shift, by channel; all zero: x stays. `[C]` in fp64. */
struct AffineStep {
    torch::Tensor slope;
    torch::Tensor shift;

    /** The step with `strength` times its length. */
    AffineStep times(double strength) const { return {slope * strength, shift * strength}; }
    /** Σ over rows and channels of what is left of d², squared. */
    double error(const OutputSums& sums) const;
    bool moves() const;
};

/** What may change beside the factor of x. */
struct AffineFreedom {
    bool shared_slope = false;  ///< one factor for all channels
    bool shift = true;
};

/**
 * The least-squares step on `sums`. A channel that is constant there (to fp32 rounding), or whose
 * factor 1 + slope would not be positive, keeps its factor. Sums without rows give no step.
 */
AffineStep fit_affine(const OutputSums& sums, AffineFreedom freedom);

/**
 * How much of `step` to take: the one of 0, ½ and 1 with the least error on `held_out`, the smaller
 * of equals; 1 when that has no rows.
 */
double best_strength(const AffineStep& step, const OutputSums& held_out);

}  // namespace comq
