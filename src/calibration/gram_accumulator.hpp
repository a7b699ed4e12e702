#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "calibration/statistics.hpp"

namespace comq {

/**
 * Sums fp32 Gram contributions of micro-batches so that the total does not depend on the order in
 * which they arrive: any number of threads or ranks gives the same bits, and more images never
 * lose digits.
 *
 * Each addend is split into a multiple of 2^-12 and a remainder rounded to a multiple of 2^-50;
 * both parts are summed in fp64 (error-free pre-rounding, as in Demmel and Nguyen, "Parallel
 * reproducible summation", 2015). The sums are exact, hence order-independent, while an entry
 * stays below 2^41 and fewer than 2^15 addends use the full remainder range; beyond that the
 * total is still correct to fp64 rounding. An addend below 2^-27 in magnitude is rounded by at
 * most 2^-51.
 */
class GramAccumulator {
  public:
    /** A lower triangle of order `in_features`. */
    explicit GramAccumulator(int64_t in_features);

    int64_t in_features() const { return in_features_; }

    /**
     * Adds rows first_row … first_row + block.rows − 1 of a symmetric contribution; row i reads
     * columns 0 … i of `block` (the rest is ignored). Thread-safe.
     */
    void add_rows(int64_t first_row, MatrixView<const float> block);

    /** True when every diagonal entry is finite. */
    bool finite() const;

    /** The sum; the accumulator is empty afterwards. */
    PackedTriangle take();

  private:
    int64_t in_features_;
    std::mutex mutex_;
    PackedTriangle coarse_;  ///< sums of multiples of 2^-12
    PackedTriangle fine_;    ///< sums of the remainders
};

}  // namespace comq
