#pragma once

#include "quantization/method.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/**
 * Quantizes the output channels of a layer together. Of the loss, a layer's error e_j of channel j
 * (W − Wq, a row of it) costs to second order
 *
 *     Σ_jk G_jk · e_jᵀ H e_k,    H = XᵀX [m, m],  G = Σ_t g_t·g_tᵀ [n, n],
 *
 * g_t the gradient at the layer's outputs of row t (Kronecker factors of the Fisher information,
 * arXiv 1503.05671; for quantization: arXiv 2505.22988). Channels that the network adds up may
 * make up for each other's errors; where G is diagonal, each channel is a problem of its own, which
 * is what methods solve.
 *
 * With the channels in the order in which they are quantized, G = U·Uᵀ with U upper triangular, and
 * the sum is that of Σ_j u_jj²·‖e_j + Σ_{k<j} e_k·u_kj / u_jj‖²_H: a channel's target moves by what
 * the errors before it ask for, as GPTQ's weights do along the inputs. A method solves a few
 * channels at a time, the couplings among which are left out, each with its moved target. A second
 * round then gives each of these panels the target that is best with all others as they are, and
 * keeps what lowers the sum.
 */
struct CoupledSolution {
    Solution solution;
    double alone;    ///< the sum above with the channels solved each by itself
    double coupled;  ///< with `solution`; not above `alone`
};

/**
 * `metric` is G, whose couplings (what is not on its diagonal) count by `share`, 0 … 1; `alone` is
 * what `method` finds of `problem`. Throws what Method::solve throws.
 */
CoupledSolution solve_coupled(const Method& method, const GroupProblem& problem,
                              const PackedTriangle& metric, double share, const Solution& alone);

/**
 * The same for a whole layer, group by group, from LayerStatistics::output_metric, on the Grams
 * that solve_layer fits to. `alone` is what solve_layer finds of `weight`.
 */
Solution solve_coupled_layer(const Method& method, const std::string& layer,
                             MatrixView<const float> weight, const LayerStatistics& statistics,
                             int bits, double share, const Solution& alone);

/** Σ_jk G_jk · v_jᵀ H v_k of the rows v_j of `values` [n, m]. */
double coupled_energy(const Matrix<double>& metric, MatrixView<const double> gram,
                      MatrixView<const float> values);

}  // namespace comq
