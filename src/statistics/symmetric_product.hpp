#pragma once

#include <cstdint>
#include <functional>

#include "core/matrix.hpp"
#include "core/simd.hpp"

namespace comq {

/** X, N × m, in memory: entry (k, i) at data[k·row_stride + i·feature_stride]. */
struct InputRows {
    const float* data = nullptr;
    int64_t rows = 0;         ///< N
    int64_t in_features = 0;  ///< m
    int64_t row_stride = 0;
    int64_t feature_stride = 0;
};

/** Receives rows first_row … of a symmetric matrix; row i of the matrix ends at column i. */
using BandVisitor = std::function<void(int64_t first_row, MatrixView<const float> band)>;

/**
 * Computes the lower triangle of XᵀX in fp32 on the calling thread and hands it over in bands of
 * rows, from the first to the last. What a band holds right of the diagonal is unspecified.
 *
 * A library's matrix product would compute a good part of the other triangle too, and pack X once
 * for each side; here a block of X is packed once and serves both. Every entry is a sum over
 * blocks of 128 rows, each summed in order, with whatever fused multiply-add the processor has.
 */
void symmetric_product(const InputRows& rows, const BandVisitor& visit,
                       VectorUnit on = fastest_vector_unit);

}  // namespace comq
