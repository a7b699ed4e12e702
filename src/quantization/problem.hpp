#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/matrix.hpp"

namespace comq {

/**
 * The input of a method: one layer, or one group of a grouped convolution. The views stay owned by
 * the caller and must outlive the call.
 */
struct GroupProblem {
    std::string layer;               ///< names the layer in errors
    int bits = 4;                    ///< 2…8
    MatrixView<const float> weight;  ///< [n out, m in]
    MatrixView<const double> gram;   ///< H = XᵀX, [m, m] symmetric
    /**
     * For methods that follow the path of the outputs (MethodEntry::follows_output_path), where the
     * layer's inputs are quantized: a·(X − X̃)ᵀX̃, [m, m]; a row for each input of the full-precision
     * network. Empty: the inputs are the same.
     */
    MatrixView<const double> input_change;
    /** ‖x_i‖ as the key of the greedy order, [m]; empty: √H_ii, as everywhere but in tests that
     *  compare with the norms of golden files. */
    std::vector<float> column_norm;

    int64_t out_features() const { return weight.rows; }
    int64_t in_features() const { return weight.cols; }
    int levels() const { return 1 << bits; }
};

}  // namespace comq
