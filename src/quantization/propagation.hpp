#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/matrix.hpp"
#include "quantization/method.hpp"
#include "quantization/quantized_weight.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/**
 * Error propagation: a layer of a partly quantized network sees inputs X̃ that already carry the
 * errors of earlier layers, and can make up for them. ‖XW − X̃Wq‖² is least, over float weights, at
 * w' = H̃⁻¹Gw; a method is then given H̃ as its Gram and the target
 *
 *     w + a·(w' − w),  w' − w = (H̃ + λI)⁻¹(G − H̃)w,  λ = 1% of the mean of H̃'s diagonal,
 *
 * as its weight. a = 1 is the correction of Qronos (arXiv 2505.11695) and GPTAQ (arXiv 2504.02692);
 * a = 0 fits the float weight on the rows that the quantized network sees. Full strength fits the
 * calibration images better than others, so `a` can be chosen on held-out rows.
 *
 * Where the layer's output is added to a residual stream, R in the full-precision network and R̃
 * in this one, ‖XW + b·(R − R̃) − X̃Wq‖² makes up for what the stream has lost, too (residual-stream
 * targets, arXiv 2608.15567): the target is
 *
 *     w + a·(w' − w) + b·(H̃ + λI)⁻¹X̃ᵀ(r − r̃),
 *
 * r the stream's column of that output channel.
 *
 * GPFQ keeps the float weight, moved by the last term, and follows the path of the outputs instead
 * (gpfq.cpp): visit t fits the sum of x_s·w_s over the inputs visited so far, with x̃ + a·(x − x̃)
 * for x.
 */
struct PropagatedSolution {
    Solution solution;
    double strength = 0.0;                ///< a
    std::optional<double> residual = {};  ///< b; none where there is no stream
};

/** Strengths among which held-out rows choose, ascending. */
inline constexpr double propagation_strengths[] = {0.0, 0.25, 0.5, 1.0};

/** What is known of a and b; without a number it is chosen. */
struct PropagationStrengths {
    std::optional<double> inputs = {};
    std::optional<double> residual = 0.0;
    /** Share of the couplings of output channels (output_metric.hpp); 0: each by itself. */
    double coupling = 0.0;
    /** Of propagation_strengths: where the search for a and for b begins. */
    double likely_inputs = 0.5;
    double likely_residual = 1.0;
};

/** The loss by which the best of several solutions is chosen. */
using PropagationLoss = std::function<double(const Solution&)>;

/**
 * Quantizes a whole layer from statistic::paired_gram, as solve_layer does from the plain Gram,
 * and from the residual moment where there is one. Without a strength one of propagation_strengths
 * is taken: from the likely one the search goes on to the neighbour that has less `loss`, or as
 * much and less strength, until there is none. a comes first, with b as given or 0, and then b.
 * Output channels are then solved together, by LayerStatistics::output_metric, and that is kept
 * where strengths were given or `loss` says so. Throws what Method::solve and `loss` throw.
 */
PropagatedSolution solve_propagated(const Method& method, const std::string& layer,
                                    MatrixView<const float> weight,
                                    const LayerStatistics& statistics, int bits,
                                    const PropagationStrengths& strengths,
                                    const PropagationLoss& loss);

/** The squared ‖XW − X̃Wq‖ of a whole layer on statistic::heldout_paired_gram. */
double heldout_propagated_error(const LayerStatistics& statistics, MatrixView<const float> weight,
                                const QuantizedWeight& quantized);

/** w' − w of every channel of one group, [n, m]; `paired` is of order 2m. */
Matrix<double> propagated_shift(const PackedTriangle& paired, MatrixView<const float> weight);
/** What b = 1 adds to the target of every channel of one group, [n, m], as `moment` is. */
Matrix<double> residual_shift(const PackedTriangle& paired, const Matrix<double>& moment);

/** w + a·shift. */
Matrix<float> propagated_target(MatrixView<const float> weight, const Matrix<double>& shift,
                                double strength);

/** ‖XW − X̃Wq‖² of one group, as wᵀHw − 2·wqᵀGw + wqᵀH̃wq summed over its channels. */
double propagated_error(const PackedTriangle& paired, MatrixView<const float> weight,
                        MatrixView<const float> quantized);

}  // namespace comq
