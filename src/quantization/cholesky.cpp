#include "quantization/cholesky.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "core/simd.hpp"

namespace comq {
namespace {

constexpr int64_t block = 64;
constexpr int64_t lanes = 4;
constexpr int64_t vectors = 4;  ///< side by side
constexpr int64_t at_once = lanes * vectors;
using Doubles = Vector<double, lanes>;

/** Columns [first, end) of row i left of the diagonal: forward substitution. */
void solve_row(Matrix<double>& a, int64_t i, int64_t first, int64_t end) {
    for (int64_t j = first; j < end; ++j) {
        double value = a(i, j);
        for (int64_t k = first; k < j; ++k) value -= a(i, k) * a(j, k);
        a(i, j) = value / a(j, j);
    }
}

/** Columns [first, end) of the rows [first, end), whose earlier columns are accounted for. */
bool factor_diagonal(Matrix<double>& a, int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) {
        solve_row(a, i, first, i);
        double pivot = a(i, i);
        for (int64_t k = first; k < i; ++k) pivot -= a(i, k) * a(i, k);
        if (!(pivot > 0)) return false;
        a(i, i) = std::sqrt(pivot);
    }
    return true;
}

/** row[j] −= Σ_k left[k]·panel[k, j] for `count` columns; `panel` is [block, stride]. */
void subtract_products(const double* left, const double* panel, int64_t stride, int64_t count,
                       double* row) {
    run_vectorized([=](auto) {
        int64_t j = 0;
        for (; j + at_once <= count; j += at_once) {
            Doubles sum[vectors] = {};
            for (int64_t k = 0; k < block; ++k) {
                const double* values = panel + k * stride + j;
                const double factor = left[k];
#pragma GCC unroll 4
                for (int64_t v = 0; v < vectors; ++v) {
                    sum[v] += vector_at<lanes>(values + v * lanes) * factor;
                }
            }
#pragma GCC unroll 4
            for (int64_t v = 0; v < vectors; ++v) vector_at<lanes>(row + j + v * lanes) -= sum[v];
        }
        for (; j < count; ++j) {
            double sum = 0;
            for (int64_t k = 0; k < block; ++k) sum += panel[k * stride + j] * left[k];
            row[j] -= sum;
        }
    });
}

/** y ← L⁻¹y, then y ← L⁻ᵀy of `at_once` right sides: each L_ij loaded serves them all. `y` is
 *  [m, at_once]. */
void substitute(const Matrix<double>& lower, double* y) {
    run_vectorized([&](auto) {
        const auto part = [y](int64_t i, int64_t v) -> Doubles& {
            return vector_at<lanes>(y + i * at_once + v * lanes);
        };
        const int64_t m = lower.rows();
        for (int64_t i = 0; i < m; ++i) {
            const double* row = lower.row(i);
            Doubles sum[vectors];
#pragma GCC unroll 4
            for (int64_t v = 0; v < vectors; ++v) sum[v] = part(i, v);
            for (int64_t j = 0; j < i; ++j) {
#pragma GCC unroll 4
                for (int64_t v = 0; v < vectors; ++v) sum[v] -= part(j, v) * row[j];
            }
#pragma GCC unroll 4
            for (int64_t v = 0; v < vectors; ++v) part(i, v) = sum[v] / row[i];
        }
        for (int64_t i = m - 1; i >= 0; --i) {
            const double* row = lower.row(i);
            Doubles own[vectors];
#pragma GCC unroll 4
            for (int64_t v = 0; v < vectors; ++v) own[v] = part(i, v) /= row[i];
            for (int64_t j = 0; j < i; ++j) {
#pragma GCC unroll 4
                for (int64_t v = 0; v < vectors; ++v) part(j, v) -= own[v] * row[j];
            }
        }
    });
}

}  // namespace

bool factor_cholesky(Matrix<double>& a) {
    const int64_t m = a.rows();
    COMQ_CHECK(a.cols() == m);
    AlignedVector<double> panel;
    for (int64_t first = 0; first < m; first += block) {
        const int64_t end = std::min(m, first + block);
        if (!factor_diagonal(a, first, end)) return false;
        const int64_t below = m - end;
        if (below == 0) break;
        panel.assign(static_cast<std::size_t>(block * below), 0.0);
        tbb::parallel_for(end, m, [&](int64_t i) {
            solve_row(a, i, first, end);
            for (int64_t k = first; k < end; ++k) panel[(k - first) * below + i - end] = a(i, k);
        });
        tbb::parallel_for(end, m, [&](int64_t i) {
            subtract_products(a.row(i) + first, panel.data(), below, i - end + 1, a.row(i) + end);
        });
    }
    for (int64_t i = 0; i < m; ++i) std::fill(a.row(i) + i + 1, a.row(i) + m, 0.0);
    return true;
}

void solve_cholesky(const Matrix<double>& lower, Matrix<double>& right_sides) {
    const int64_t m = lower.rows();
    COMQ_CHECK(lower.cols() == m && right_sides.cols() == m);
    const int64_t blocks = (right_sides.rows() + at_once - 1) / at_once;
    tbb::parallel_for(int64_t{0}, blocks, [&](int64_t b) {
        const int64_t first = b * at_once;
        const int64_t count = std::min(at_once, right_sides.rows() - first);
        AlignedVector<double> y(static_cast<std::size_t>(m * at_once), 0.0);
        for (int64_t l = 0; l < count; ++l) {
            const double* row = right_sides.row(first + l);
            for (int64_t i = 0; i < m; ++i) y[i * at_once + l] = row[i];
        }
        substitute(lower, y.data());
        for (int64_t l = 0; l < count; ++l) {
            double* row = right_sides.row(first + l);
            for (int64_t i = 0; i < m; ++i) row[i] = y[i * at_once + l];
        }
    });
}

}  // namespace comq
