#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "core/communicator.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/**
 * Sums fp32 Gram contributions of micro-batches so that the total does not depend on the order in
 * which they arrive: any number of threads or ranks gives the same bits, and more images never
 * lose digits. Holds one lower triangle for each group of a layer.
 *
 * The sums are those of split_sum.hpp, with its limits.
 */
class GramAccumulator {
  public:
    explicit GramAccumulator(int64_t in_features, int64_t groups = 1);

    int64_t in_features() const { return in_features_; }
    int64_t groups() const { return groups_; }

    // What follows is thread-safe.

    /**
     * Adds rows first_row … first_row + block.rows − 1 of a symmetric contribution to the first
     * group; row i reads columns 0 … i of `block` (the rest is ignored).
     */
    void add_rows(int64_t first_row, MatrixView<const float> block);

    /**
     * Adds to each group g the block `[rows, cols]` at blocks + g·rows·cols, whose first entry is
     * (first_row, first_col) of the Gram. What lies above the diagonal is ignored.
     */
    void add_blocks(int64_t first_row, int64_t first_col, int64_t rows, int64_t cols,
                    const float* blocks);

    /** Adds a packed triangle to each of the groups from `first_group` on. */
    void add_triangles(int64_t first_group, int64_t count, const float* triangles);

    /** Leaves the sum over all ranks with `owner`; the others' is spent. Every rank calls it. */
    void sum_at(Communicator& ranks, int owner);

    /** True when every diagonal entry is finite. */
    bool finite() const;

    /** The sum of each group; the accumulator is empty afterwards. */
    std::vector<PackedTriangle> take();

  private:
    /** Allocates at first use: touching the pages of all layers' sums at once takes a while. */
    void make_room();

    int64_t in_features_;
    int64_t groups_;
    std::mutex mutex_;
    std::vector<PackedTriangle> coarse_;  ///< sums of multiples of 2^-12, by group, or none yet
    std::vector<PackedTriangle> fine_;    ///< sums of the remainders
};

}  // namespace comq
