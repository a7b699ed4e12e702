#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/matrix.hpp"

namespace comq {

/** Lower triangle of a symmetric m × m matrix, row by row: (i, j ≤ i) at i(i+1)/2 + j. */
class PackedTriangle {
  public:
    PackedTriangle() = default;
    explicit PackedTriangle(int64_t order)
        : order_(order), values_(static_cast<std::size_t>(order * (order + 1) / 2)) {}

    int64_t order() const { return order_; }
    double* row(int64_t i) { return values_.data() + i * (i + 1) / 2; }
    const double* row(int64_t i) const { return values_.data() + i * (i + 1) / 2; }
    AlignedVector<double>& values() { return values_; }
    const AlignedVector<double>& values() const { return values_; }
    /** The whole symmetric matrix. */
    Matrix<double> unpacked() const {
        Matrix<double> full(order_, order_);
        for (int64_t i = 0; i < order_; ++i) {
            for (int64_t j = 0; j <= i; ++j) full(i, j) = full(j, i) = row(i)[j];
        }
        return full;
    }

  private:
    int64_t order_ = 0;
    AlignedVector<double> values_;
};

/** Names of the statistics that calibration can collect (DESIGN §1, §2). */
namespace statistic {
inline constexpr const char* gram = "gram";                  ///< H = XᵀX, full-precision rows
inline constexpr const char* heldout_gram = "heldout_gram";  ///< the same over held-out images
/// rows weighted by their importance (row_importance.hpp); where it is there, methods fit to it.
/// There may be several for each group, for parts of its output channels
inline constexpr const char* weighted_gram = "weighted_gram";
/// of the rows [x̃ x], order 2m: H̃ = X̃ᵀX̃, G = X̃ᵀX and H (gram_collector.hpp)
inline constexpr const char* paired_gram = "paired_gram";
inline constexpr const char* heldout_paired_gram = "heldout_paired_gram";
}  // namespace statistic

/**
 * Sums over the rows of one layer: a named set of Grams, one triangle per group
 * (a dense layer has one group, a depthwise convolution one per channel).
 */
struct LayerStatistics {
    int64_t in_features = 0;  ///< m, the order of each triangle
    int64_t groups = 1;
    std::map<std::string, std::vector<PackedTriangle>> grams;
    std::map<std::string, int64_t> rows;  ///< N of each statistic
    /** (R − R̃)ᵀX̃ of the residual streams that the outputs are added to, `[n / groups, m]` for each
     *  group; empty where there are none (residual_moment.hpp). */
    std::vector<Matrix<double>> residual_moment;
    /** Σ_t g_t·g_tᵀ of the gradients at the outputs, of order n / groups for each group; empty
     * where it was not asked for (row_importance.hpp). */
    std::vector<PackedTriangle> output_metric;
};

}  // namespace comq
