#pragma once

#include <cstdint>

#include "core/matrix.hpp"
#include "core/simd.hpp"

namespace comq {

/** One head of one image; rows are tokens. */
struct AttentionHead {
    MatrixView<const float> query;  ///< [queries, d]
    MatrixView<const float> key;    ///< [keys, d]
    MatrixView<const float> value;  ///< [keys, width]
    const float* bias = nullptr;    ///< [queries, keys] with these steps; null is none
    int64_t bias_query_step = 0;
    int64_t bias_key_step = 0;
    float scale = 1;
    MatrixView<float> mixed;  ///< [queries, width]
};

/**
 * mixed = softmax(scale·Q·Kᵀ + bias)·V, a few queries at a time: their scores stay in the first
 * cache and are never a matrix in memory. A row's numbers are the same wherever it stands and on
 * any number of threads; between vector units their last digits differ.
 */
class AttentionKernel {
  public:
    explicit AttentionKernel(VectorUnit unit = fastest_vector_unit) : unit_(unit) {}

    /** Its buffers are kept for the next head. `keys`, `d` and `width` are positive. */
    void run(const AttentionHead& head);

  private:
    VectorUnit unit_;
    AlignedVector<float> key_panels_;
    AlignedVector<float> value_panels_;
    AlignedVector<float> rows_;
    AlignedVector<float> scores_;
    AlignedVector<float> sums_;
};

}  // namespace comq
