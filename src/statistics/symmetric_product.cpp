#include "statistics/symmetric_product.hpp"

#include <algorithm>
#include <cstddef>

namespace comq {

namespace {

// Two packed panels of so many rows fit the first-level cache.
constexpr int64_t block_rows = 128;

// Copied side by side: fewer would touch as many pages of X for less, more would collide in the
// first-level cache.
constexpr int64_t panels_at_once = 4;

// Rows of XᵀX computed together, a multiple of every panel's width: X is packed for each band.
constexpr int64_t band_rows = 768;

/**
 * Products of panels. A panel is `width` neighbouring inputs of a block of X, row after row. The
 * sums, three vectors of one operand and one of the other are all the registers there are.
 */
template <VectorUnit unit>
struct PanelProduct {
    /** Floats that fill a vector register. */
    static constexpr int64_t lanes = unit == VectorUnit::avx512 ? 16
                                     : unit == VectorUnit::avx2 ? 8
                                                                : 4;
    static constexpr int64_t height = unit == VectorUnit::avx512 ? 8 : 4;
    static constexpr int64_t width = 3 * lanes;
    static_assert(width % height == 0 && band_rows % width == 0);

    /** Copies `count` neighbouring panels of `rows` rows of X, `stride` apart. */
    [[gnu::always_inline]] static void copy_panels(const float* source, int64_t stride,
                                                   int64_t rows, int64_t count, float* panels) {
        for (int64_t k = 0; k < rows; ++k, source += stride, panels += width) {
            for (int64_t p = 0; p < count; ++p) {
                const float* from = source + p * width;
                float* to = panels + p * (block_rows * width);
                for (int64_t j = 0; j < width; j += lanes) {
                    vector_at<lanes>(to + j) = vector_at<lanes>(from + j);
                }
            }
        }
    }

    /** sums[height, width] += the `height` inputs at `left`, transposed, times panel `right`. */
    [[gnu::always_inline]] static void add_tile(const float* left, const float* right, int64_t rows,
                                                float* sums, int64_t stride) {
#pragma GCC unroll 8
        for (int64_t i = 0; i < height; ++i) {
            __builtin_prefetch(sums + i * stride, 1);
            __builtin_prefetch(sums + i * stride + width - 1, 1);
        }
        Vector<float, lanes> sum[height][3] = {};
        for (int64_t k = 0; k < rows; ++k, left += width, right += width) {
            const Vector<float, lanes> first = vector_at<lanes>(right);
            const Vector<float, lanes> second = vector_at<lanes>(right + lanes);
            const Vector<float, lanes> third = vector_at<lanes>(right + 2 * lanes);
#pragma GCC unroll 8
            for (int64_t i = 0; i < height; ++i) {
                sum[i][0] += left[i] * first;
                sum[i][1] += left[i] * second;
                sum[i][2] += left[i] * third;
            }
        }
#pragma GCC unroll 8
        for (int64_t i = 0; i < height; ++i, sums += stride) {
            vector_at<lanes>(sums) += sum[i][0];
            vector_at<lanes>(sums + lanes) += sum[i][1];
            vector_at<lanes>(sums + 2 * lanes) += sum[i][2];
        }
    }
};

int64_t width_of_panels(VectorUnit on) {
    return run_on(on, [](auto unit) { return PanelProduct<unit>::width; });
}

/** sums[width, width] += leftᵀ·right. */
void add_panels(VectorUnit on, const float* left, const float* right, int64_t rows, float* sums,
                int64_t stride) {
    run_on(on, [=](auto unit) {
        using Product = PanelProduct<unit>;
        for (int64_t i = 0; i < Product::width; i += Product::height) {
            Product::add_tile(left + i, right, rows, sums + i * stride, stride);
        }
    });
}

/** Panels of inputs 0 … end − 1 of rows first … first + count − 1, filled up with zeros. */
void pack(const InputRows& x, int64_t first, int64_t count, int64_t end, VectorUnit on,
          float* panels) {
    const int64_t width = width_of_panels(on);
    const float* block = x.data + first * x.row_stride;
    const int64_t whole = x.feature_stride == 1 ? std::min(end, x.in_features) / width : 0;
    run_on(on, [=, stride = x.row_stride](auto unit) {
        for (int64_t p = 0; p < whole; p += panels_at_once) {
            PanelProduct<unit>::copy_panels(block + p * width, stride, count,
                                            std::min(panels_at_once, whole - p),
                                            panels + p * width * block_rows);
        }
    });
    for (int64_t i = whole * width; i < end; i += width) {
        float* panel = panels + i * block_rows;
        const int64_t used = std::min(width, x.in_features - i);
        std::fill_n(panel, count * width, 0.0F);
        for (int64_t j = 0; j < used; ++j) {
            const float* input = block + (i + j) * x.feature_stride;
            for (int64_t k = 0; k < count; ++k) panel[k * width + j] = input[k * x.row_stride];
        }
    }
}

int64_t padded(int64_t features, int64_t width) { return (features + width - 1) / width * width; }

}  // namespace

void symmetric_product(const InputRows& rows, const BandVisitor& visit, VectorUnit on) {
    const int64_t width = width_of_panels(on);
    const int64_t stride = padded(rows.in_features, width);
    thread_local AlignedVector<float> panels;
    thread_local AlignedVector<float> band;
    panels.resize(static_cast<std::size_t>(stride * block_rows));
    for (int64_t first = 0; first < rows.in_features; first += band_rows) {
        const int64_t end = std::min(first + band_rows, rows.in_features);
        band.assign(static_cast<std::size_t>((padded(end, width) - first) * stride), 0.0F);
        for (int64_t k = 0; k < rows.rows; k += block_rows) {
            const int64_t count = std::min(block_rows, rows.rows - k);
            pack(rows, k, count, end, on, panels.data());
            for (int64_t j = 0; j < end; j += width) {
                const float* right = panels.data() + j * block_rows;
                for (int64_t i = std::max(first, j); i < end; i += width) {
                    add_panels(on, panels.data() + i * block_rows, right, count,
                               band.data() + (i - first) * stride + j, stride);
                }
            }
        }
        visit(first, {band.data(), end - first, end, stride});
    }
}

}  // namespace comq
