#pragma once

#include <cstdint>
#include <vector>

#include "core/matrix.hpp"
#include "quantization/grid.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/problem.hpp"
#include "quantization/quantization_config.hpp"

namespace comq::test {

/** A layer with the rows that its Gram sums up. */
struct ExplicitLayer {
    Matrix<double> inputs;  ///< X [N, m]
    Matrix<double> gram;    ///< XᵀX
    Matrix<float> weight;   ///< [n, m]

    GroupProblem problem(int bits) const;
};

/** Correlated rows with columns of unequal norm, and normal weights; the same for the same seed. */
ExplicitLayer random_layer(uint64_t seed, int64_t rows, int64_t in_features, int64_t out_features);

double sum(const std::vector<double>& values);

/** XᵀX in fp64. */
Matrix<double> gram_of(const Matrix<double>& inputs);

/** The lower triangle of a Gram. */
PackedTriangle packed(MatrixView<const double> gram);

/** The error of a layer of one group. */
LayerError group_error(MatrixView<const double> gram, MatrixView<const float> weight,
                       const QuantizedWeight& quantized);

/** ‖X(w_j − wq_j)‖² of each channel from the rows themselves. */
std::vector<double> explicit_squared_error(const ExplicitLayer& layer,
                                           const Matrix<float>& quantized);

struct ExplicitSolution {
    Matrix<uint8_t> bit_code;
    std::vector<float> scale;
    std::vector<double> squared_error;  ///< ‖X(w_j − wq_j)‖² after the last sweep
};

/**
 * COMQ as the paper states it: residual vectors of N rows, every level tried at each coordinate,
 * nothing shared with the library but the grid it begins from and the order.
 */
ExplicitSolution explicit_comq(const ExplicitLayer& layer, const Grid& grid, Order order,
                               int sweeps, ScaleUpdate scale_update, Granularity granularity);

}  // namespace comq::test
