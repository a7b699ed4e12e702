#pragma once

#include "config/experiment_config.hpp"
#include "quantization/grid.hpp"
#include "quantization/problem.hpp"
#include "quantization/start.hpp"

namespace comq {

struct LookAheadOptions {
    /** greedy: inputs by descending H_ii (GPTQ's act-order), the same for all channels. */
    Order order = Order::greedy;
    /** Share of the mean of H's diagonal that is added to the diagonal. */
    double damping = 0.01;
};

/**
 * The codes of GPTQ (arXiv 2210.17323): one coordinate after the other goes to the nearest level,
 * and the coordinates still to come make up for its error as well as they can. With H = R·Rᵀ, R
 * upper triangular in the order of visits, eᵀHe = ‖Rᵀe‖² and row i of Rᵀe holds e_0 … e_i only, so
 * coordinate i goes to the level nearest to w_i + Σ_{j<i} (R_ji/R_ii)·e_j. This is Babai's nearest
 * plane (arXiv 2507.18553) and the same as GPTQ's updates by the Cholesky factor of H⁻¹, which need
 * an inverse first. Costs m³/3 once and half a sweep for each channel.
 *
 * A Gram that is still not positive definite is damped ten times as much until it is. Dead inputs
 * neither see nor cause errors.
 */
Start look_ahead_start(const GroupProblem& problem, const Grid& grid,
                       const LookAheadOptions& options);

}  // namespace comq
