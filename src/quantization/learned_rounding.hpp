#pragma once

#include <cstdint>

#include "core/matrix.hpp"
#include "quantization/grid.hpp"
#include "quantization/problem.hpp"
#include "quantization/start.hpp"

namespace comq {

struct LearnedRoundingOptions {
    int iterations = 1;  ///< steps of Adam
    /**
     * λ: what a weight half-way between its codes costs, in units of the mean error that rounding a
     * weight of its channel to nearest leaves. With 1 a quarter of the weights or more stay
     * undecided, with 10 to 1000 next to none, and the error is the same to 4%.
     */
    double regularization = 100.0;
};

struct LearnedRounding {
    Matrix<uint8_t> bit_code;  ///< [n, m]
    int64_t undecided = 0;     ///< weights that ended with 0.01 < h < 0.99
};

/**
 * AdaRound's rounding (Nagel et al., ICML 2020, arXiv 2004.10568). Each weight has two neighbouring
 * codes q and q + 1 and stands at δ(q + h + z) between them, h = clip(1.2·σ(V) − 0.1, 0, 1). Adam
 * moves V so that
 *
 *     eᵀHe + λ·Σ(1 − |2h − 1|^β),  e = w − δ(q + h + z),
 *
 * falls for each channel, β going from 20 to 2; then h is rounded. The first term is the mean over
 * images that the paper samples in batches, in closed form, so no step sees noise. Channels do not
 * depend on each other, so λ is in units of the channel's own error.
 *
 * The codes are those below and above the float weight; of a start with codes, its code and the one
 * on the float weight's side, and h begins where rounding it gives the start. Otherwise h begins at
 * the float weight itself, wherever that is within the levels. Inputs that were never active get
 * the level nearest to their float weight.
 *
 * An iteration costs O(m²) a channel, in fp32. Neither threads nor the instruction set change a bit
 * of the result.
 */
LearnedRounding learn_rounding(const GroupProblem& problem, const Grid& grid, const Start& start,
                               const LearnedRoundingOptions& options);

}  // namespace comq
