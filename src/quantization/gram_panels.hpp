#pragma once

#include <cstdint>
#include <functional>

#include "core/matrix.hpp"

namespace comq {

/**
 * A Gram in fp32, cut into panels of `width` columns that stay in the L2 cache while many output
 * channels use them: entry (i, j) stands at row i of panel j / width. Values are divided by a power
 * of two, `unit`, which is exact and keeps fp32 far from overflow and underflow.
 */
class GramPanels {
  public:
    static constexpr int64_t width = 32;

    explicit GramPanels(MatrixView<const double> gram);

    int64_t order() const { return order_; }
    int64_t panels() const { return (order_ + width - 1) / width; }
    double unit() const { return unit_; }
    const float* panel(int64_t p) const { return values_.data() + p * order_ * width; }
    /** Entry (0, j); (i, j) stands i·width further on. */
    const float* column(int64_t j) const { return panel(j / width) + j % width; }

  private:
    int64_t order_;
    double unit_;
    AlignedVector<float> values_;
};

/**
 * Vectors of several channels, cut like the panels: value i of channel c stands at
 * (i / width, c, i % width), so that a panel's part of all channels is contiguous.
 */
class PanelVectors {
  public:
    PanelVectors(int64_t channels, int64_t order);

    int64_t channels() const { return channels_; }
    double* panel(int64_t p) { return values_.data() + p * channels_ * GramPanels::width; }
    const double* panel(int64_t p) const {
        return values_.data() + p * channels_ * GramPanels::width;
    }
    double at(int64_t channel, int64_t i) const {
        return panel(i / GramPanels::width)[channel * GramPanels::width + i % GramPanels::width];
    }
    /** Copies the vector of one channel out, [m]. */
    void copy_channel(int64_t channel, double* out, int64_t order) const;

  private:
    int64_t channels_;
    AlignedVector<double> values_;
};

/**
 * The same number of Gram rows for every channel, each with a factor. `row` and `factor` are
 * [channels, stride], of which the first `count` columns are used; `shared_rows` says that the
 * first line of `row` serves all channels.
 */
struct RowCombinations {
    const int32_t* row = nullptr;
    const float* factor = nullptr;
    int64_t stride = 0;
    int64_t count = 0;
    bool shared_rows = false;
};

/**
 * vectors[c] −= Σ_s factor[c, s]·H[row[c, s], :]. Each sum over s runs in that order in fp32 and is
 * then subtracted in fp64, so the result depends on neither the number of channels nor the
 * instruction set. `on_panel` is called for each panel once its part of the vectors is done, with
 * both in the cache.
 */
void subtract_gram_rows(const GramPanels& gram, const RowCombinations& rows, PanelVectors& vectors,
                        const std::function<void(int64_t p)>& on_panel);

/** H·v/unit of each row v of `values` [channels, m], summed in blocks as above; [channels, m]. */
Matrix<double> gram_products(const GramPanels& gram, MatrixView<const float> values);

}  // namespace comq
