#pragma once

#include <functional>
#include <vector>

#include "quantization/grid.hpp"
#include "quantization/problem.hpp"
#include "quantization/quantization_config.hpp"
#include "quantization/quantized_weight.hpp"
#include "quantization/start.hpp"

namespace comq {

struct DescentOptions {
    Order order = Order::greedy;
    int sweeps = 1;  ///< at most; a channel that no longer moves is left alone
    /** closed_form: δ = (q+z)ᵀHw / (q+z)ᵀH(q+z) after each sweep, group by group. */
    ScaleUpdate scale_update = ScaleUpdate::none;
    /** Closed-form updates choose z together with δ, both real, where a channel has one scale of
     * its own. */
    bool fit_zero_points = false;
    /** per_layer: the channels share δ, and its numerator and denominator are summed over them. */
    Granularity granularity = Granularity::per_channel;
    /** From the second sweep on, undo a sweep that raised the error and stop there. */
    bool undo_worse_sweeps = false;
    /** Sweeps over pairs (pair_moves.hpp), at most, where no single coordinate moves any more; none
     *  where the channels share δ. */
    int pair_sweeps = 0;
};

struct DescentResult {
    QuantizedWeight weight;
    int sweeps = 0;                     ///< most sweeps that any channel took
    std::vector<double> squared_error;  ///< eᵀHe of each channel, [n]
};

/**
 * Coordinate descent on eᵀHe for every output channel (COMQ, arXiv 2403.07134), e = w − wq, with
 * r = He kept up to date: coordinate i moves to the level nearest to wq_i + r_i/H_ii, and then
 * r ← r − H[:,i]·(new − old). Costs O(m²) a channel and sweep whatever the number of images; a
 * coordinate that does not move costs nothing. Channels are spread over TBB's threads; the result
 * does not depend on how.
 *
 * Inputs that were never active (H_ii = 0) get the level nearest to their float weight. A
 * re-minimised δ ≤ 0 keeps the old one.
 */
DescentResult descend(const GroupProblem& problem, const Grid& grid, const Start& start,
                      const DescentOptions& options);

/** `descend`, or what does its work elsewhere (device_descent/batched_descent.hpp). */
using DescentFunction = std::function<DescentResult(const GroupProblem&, const Grid&, const Start&,
                                                    const DescentOptions&)>;

}  // namespace comq
