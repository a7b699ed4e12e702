#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "quantization/gram_panels.hpp"
#include "quantization/grid.hpp"
#include "quantization/problem.hpp"
#include "quantization/quantization_config.hpp"
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
 * an inverse first. Costs m³/3 once, and a sweep of every channel for each grid.
 *
 * A Gram that is still not positive definite is damped ten times as much until it is. Dead inputs
 * neither see nor cause errors.
 */
class LookAhead {
  public:
    LookAhead(const GroupProblem& problem, const LookAheadOptions& options);

    struct Result {
        Start start;
        /** eᵀHe of each channel for the damped Gram, [n]. */
        std::vector<double> squared_error;
    };
    Result run(const Grid& grid) const;

  private:
    const GroupProblem& problem_;
    std::vector<int32_t> visits_;
    /** Row visits[a] says how an error of that coordinate moves the targets of later ones, which
     *  is what H does in a sweep of coordinate descent. */
    std::optional<GramPanels> influence_;
    std::vector<double> pivot_;  ///< R_ii² by coordinate: what a unit of error left there costs
};

/** The codes of LookAhead for one grid. */
Start look_ahead_start(const GroupProblem& problem, const Grid& grid,
                       const LookAheadOptions& options);

}  // namespace comq
