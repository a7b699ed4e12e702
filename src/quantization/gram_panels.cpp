#include "quantization/gram_panels.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/check.hpp"
#include "core/simd.hpp"

namespace comq {
namespace {

constexpr int64_t width = GramPanels::width;
/** Larger panels do not wait in the L2 cache by themselves: the next one is prefetched. */
constexpr int64_t prefetched_panel_bytes = 256 * 1024;

/**
 * Subtracts sums of Gram rows from the residuals of two channels. Two at a time: their chains of
 * additions hide each other's latency. Where both use the same rows (`shared`, row1 is not read),
 * each is loaded once.
 */
template <bool shared>
void subtract_rows_of_two(const float* panel, const int32_t* row0, const int32_t* row1,
                          const float* factor0, const float* factor1, int64_t count,
                          double* residual) {
    run_vectorized([=](auto unit) {
        constexpr int64_t lanes = unit() == VectorUnit::avx512 ? 16 : 8;
        constexpr int64_t vectors_per_row = width / lanes;
        Vector<float, lanes> sum0[vectors_per_row] = {};
        Vector<float, lanes> sum1[vectors_per_row] = {};
        for (int64_t s = 0; s < count; ++s) {
            const float* gram0 = panel + row0[s] * width;
            const float* gram1 = shared ? gram0 : panel + row1[s] * width;
            const float step0 = factor0[s];
            const float step1 = factor1[s];
#pragma GCC unroll 4
            for (int64_t v = 0; v < vectors_per_row; ++v) {
                sum0[v] += vector_at<lanes>(gram0 + v * lanes) * step0;
                sum1[v] += vector_at<lanes>(gram1 + v * lanes) * step1;
            }
        }
        alignas(64) float sums[2 * width];
#pragma GCC unroll 4
        for (int64_t v = 0; v < vectors_per_row; ++v) {
            vector_at<lanes>(sums + v * lanes) = sum0[v];
            vector_at<lanes>(sums + width + v * lanes) = sum1[v];
        }
        for (int64_t k = 0; k < 2 * width; ++k) residual[k] -= static_cast<double>(sums[k]);
    });
}

void prefetch(const float* data, int64_t floats) {
    for (int64_t k = 0; k < floats; k += 16) __builtin_prefetch(data + k, 0, 2);
}

}  // namespace

GramPanels::GramPanels(MatrixView<const double> gram)
    : order_(gram.rows),
      unit_(1),
      values_(static_cast<std::size_t>(panels() * width * gram.rows), 0.0F) {
    COMQ_CHECK(gram.rows == gram.cols);
    double largest = 0;
    for (int64_t i = 0; i < order_; ++i) largest = std::max(largest, gram(i, i));
    if (largest > 0) unit_ = std::ldexp(1.0, std::ilogb(largest));
    for (int64_t i = 0; i < order_; ++i) {
        for (int64_t j = 0; j < order_; ++j) {
            values_[static_cast<std::size_t>(((j / width) * order_ + i) * width + j % width)] =
                static_cast<float>(gram(i, j) / unit_);
        }
    }
}

PanelVectors::PanelVectors(int64_t channels, int64_t order)
    : channels_(channels + channels % 2),
      values_(static_cast<std::size_t>((order + width - 1) / width * channels_ * width), 0.0) {}

void PanelVectors::copy_channel(int64_t channel, double* out, int64_t order) const {
    for (int64_t first = 0; first < order; first += width) {
        const double* part =
            &values_[static_cast<std::size_t>(((first / width) * channels_ + channel) * width)];
        out = std::copy_n(part, std::min(width, order - first), out);
    }
}

void subtract_gram_rows(const GramPanels& gram, const RowCombinations& rows, PanelVectors& vectors,
                        const std::function<void(int64_t p)>& on_panel) {
    const int64_t panel_floats = gram.order() * width;
    const bool prefetches = panel_floats * int64_t{sizeof(float)} > prefetched_panel_bytes;
    const int64_t pairs = vectors.channels() / 2;
    const int64_t share = (panel_floats + pairs - 1) / pairs;
    for (int64_t p = 0; p < gram.panels(); ++p) {
        const float* panel = gram.panel(p);
        double* residual = vectors.panel(p);
        for (int64_t c = 0; c < vectors.channels(); c += 2) {
            if (prefetches && p + 1 < gram.panels()) {
                prefetch(panel + panel_floats + c / 2 * share, share);
            }
            const float* factor0 = rows.factor + c * rows.stride;
            const float* factor1 = factor0 + rows.stride;
            if (rows.shared_rows) {
                subtract_rows_of_two<true>(panel, rows.row, rows.row, factor0, factor1, rows.count,
                                           residual + c * width);
            } else {
                const int32_t* row0 = rows.row + c * rows.stride;
                subtract_rows_of_two<false>(panel, row0, row0 + rows.stride, factor0, factor1,
                                            rows.count, residual + c * width);
            }
        }
        on_panel(p);
    }
}

Matrix<double> gram_products(const GramPanels& gram, MatrixView<const float> values) {
    constexpr int64_t block = 16;
    const int64_t m = gram.order();
    COMQ_CHECK(values.cols == m);
    PanelVectors vectors(values.rows, m);
    std::vector<int32_t> row(static_cast<std::size_t>(m));
    std::iota(row.begin(), row.end(), 0);
    // Negated, as the kernel subtracts.
    Matrix<float> factor(vectors.channels(), m);
    for (int64_t c = 0; c < values.rows; ++c) {
        for (int64_t i = 0; i < m; ++i) factor(c, i) = -values(c, i);
    }
    // All blocks on a panel before the next, as all are known: its part of the sums stays cached.
    for (int64_t p = 0; p < gram.panels(); ++p) {
        for (int64_t first = 0; first < m; first += block) {
            for (int64_t c = 0; c < vectors.channels(); c += 2) {
                subtract_rows_of_two<true>(gram.panel(p), &row[first], &row[first],
                                           factor.row(c) + first, factor.row(c + 1) + first,
                                           std::min(block, m - first),
                                           vectors.panel(p) + c * width);
            }
        }
    }
    Matrix<double> products(values.rows, m);
    for (int64_t c = 0; c < values.rows; ++c) vectors.copy_channel(c, products.row(c), m);
    return products;
}

}  // namespace comq
