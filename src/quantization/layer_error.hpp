#pragma once

#include <optional>
#include <vector>

#include "core/matrix.hpp"
#include "quantization/quantized_weight.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/**
 * How far a quantized layer is from the float one, on the rows that a Gram H = XᵀX sums up. The
 * error of a channel is at least what the rounding of H leaves unknown, see gram_resolution.
 */
struct LayerError {
    double error = 0;           ///< ‖X(W−Wq)‖_F
    double relative_error = 0;  ///< ‖X(W−Wq)‖_F / ‖XW‖_F; 0 when both are 0
    double sqnr_db = 0;         ///< −20·log10(relative_error)
    double weight_error = 0;    ///< ‖W−Wq‖_F / ‖W‖_F; 0 when both are 0
};

/**
 * A Gram is summed in fp32: vᵀHv is known to about this part of Σ v_i²·H_ii. The rest cancels where
 * inputs are of low rank, and would otherwise let an error look as small as rounding makes it.
 */
constexpr double gram_resolution = 0x1p-20;

/** v_jᵀ H v_j of each row v_j of `values` [n, m], in fp64; reads the lower triangle of H. */
std::vector<double> channel_energies(MatrixView<const double> gram, MatrixView<const float> values);
std::vector<double> channel_energies(const PackedTriangle& gram, MatrixView<const float> values);

/** ‖X(w_j − wq_j)‖² of each channel of one group, [n]. */
std::vector<double> squared_channel_errors(MatrixView<const double> gram,
                                           MatrixView<const float> weight,
                                           const QuantizedWeight& quantized);

/**
 * ‖XW‖_F² of a layer, summed over its groups. Costs as much as the error itself, so that who
 * measures several quantized weights of one layer passes it on.
 */
double signal_energy(const std::vector<PackedTriangle>& grams, MatrixView<const float> weight);

/**
 * Error of a whole layer on any rows, held-out ones included: `grams` holds one triangle a group,
 * and group g owns the g-th run of n/groups output channels of `weight` [n, m]. `signal` is their
 * signal_energy; none: it is computed.
 */
LayerError measure_error(const std::vector<PackedTriangle>& grams, MatrixView<const float> weight,
                         const QuantizedWeight& quantized, std::optional<double> signal = {});

}  // namespace comq
