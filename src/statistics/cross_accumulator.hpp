#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "core/matrix.hpp"

namespace comq {

/**
 * Sums fp32 contributions of micro-batches to a cross moment YᵀX, `[rows, cols]` for each group of
 * a layer. The total does not depend on the order in which they arrive (split_sum.hpp).
 */
class CrossAccumulator {
  public:
    CrossAccumulator(int64_t rows, int64_t cols, int64_t groups = 1);

    /** Adds contiguous `[groups, rows, cols]`. Thread-safe. */
    void add(const float* products);

    /** True when every entry is finite. */
    bool finite() const;

    /** The sum of each group; the accumulator is empty afterwards. */
    std::vector<Matrix<double>> take();

  private:
    std::mutex mutex_;
    std::vector<Matrix<double>> coarse_;  ///< by group
    std::vector<Matrix<double>> fine_;
};

}  // namespace comq
