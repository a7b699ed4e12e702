#include "statistics/symmetric_product.hpp"

#include <algorithm>
#include <cassert>
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
 * Products of panels. A panel is `width` neighbouring inputs of a block of X, row after row;
 * `Lanes` floats fill a vector register. 3·Height sums, three vectors of one operand and one of
 * the other are all the registers there are.
 */
template <int Lanes, int Height>
struct PanelProduct {
    typedef float Vector
        __attribute__((vector_size(Lanes * sizeof(float)), aligned(alignof(float)), may_alias));
    static constexpr int64_t width = 3 * Lanes;
    static_assert(width % Height == 0 && band_rows % width == 0);

    /** `count` neighbouring panels of `rows` rows of X, `stride` apart. */
    [[gnu::always_inline]] static void copy_panels(const float* source, int64_t stride,
                                                   int64_t rows, int64_t count, float* panels) {
        for (int64_t k = 0; k < rows; ++k, source += stride, panels += width) {
            for (int64_t p = 0; p < count; ++p) {
                const float* from = source + p * width;
                float* to = panels + p * (block_rows * width);
                for (int64_t j = 0; j < width; j += Lanes) {
                    *reinterpret_cast<Vector*>(to + j) = *reinterpret_cast<const Vector*>(from + j);
                }
            }
        }
    }

    /** sums[Height, width] += the `Height` inputs at `left`, transposed, times panel `right`. */
    [[gnu::always_inline]] static void add_tile(const float* left, const float* right, int64_t rows,
                                                float* sums, int64_t stride) {
#pragma GCC unroll 8
        for (int i = 0; i < Height; ++i) {
            __builtin_prefetch(sums + i * stride, 1);
            __builtin_prefetch(sums + i * stride + width - 1, 1);
        }
        Vector sum[Height][3] = {};
        for (int64_t k = 0; k < rows; ++k, left += width, right += width) {
            const Vector first = *reinterpret_cast<const Vector*>(right);
            const Vector second = *reinterpret_cast<const Vector*>(right + Lanes);
            const Vector third = *reinterpret_cast<const Vector*>(right + 2 * Lanes);
#pragma GCC unroll 8
            for (int i = 0; i < Height; ++i) {
                sum[i][0] += left[i] * first;
                sum[i][1] += left[i] * second;
                sum[i][2] += left[i] * third;
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < Height; ++i, sums += stride) {
            *reinterpret_cast<Vector*>(sums) += sum[i][0];
            *reinterpret_cast<Vector*>(sums + Lanes) += sum[i][1];
            *reinterpret_cast<Vector*>(sums + 2 * Lanes) += sum[i][2];
        }
    }

    /** sums[width, width] += leftᵀ·right. */
    [[gnu::always_inline]] static void add_panels(const float* left, const float* right,
                                                  int64_t rows, float* sums, int64_t stride) {
        for (int64_t i = 0; i < width; i += Height) {
            add_tile(left + i, right, rows, sums + i * stride, stride);
        }
    }
};

struct PanelKernel {
    int64_t width;
    void (*copy_panels)(const float* source, int64_t stride, int64_t rows, int64_t count,
                        float* panels);
    void (*add_panels)(const float* left, const float* right, int64_t rows, float* sums,
                       int64_t stride);
};

void copy_panels_portable(const float* source, int64_t stride, int64_t rows, int64_t count,
                          float* panels) {
    PanelProduct<4, 4>::copy_panels(source, stride, rows, count, panels);
}

void add_panels_portable(const float* left, const float* right, int64_t rows, float* sums,
                         int64_t stride) {
    PanelProduct<4, 4>::add_panels(left, right, rows, sums, stride);
}

#if defined(__x86_64__) && defined(__GNUC__)
[[gnu::target("fma")]] void copy_panels_fma(const float* source, int64_t stride, int64_t rows,
                                            int64_t count, float* panels) {
    PanelProduct<8, 4>::copy_panels(source, stride, rows, count, panels);
}

[[gnu::target("fma")]] void add_panels_fma(const float* left, const float* right, int64_t rows,
                                           float* sums, int64_t stride) {
    PanelProduct<8, 4>::add_panels(left, right, rows, sums, stride);
}

[[gnu::target("avx512f")]] void copy_panels_avx512(const float* source, int64_t stride,
                                                   int64_t rows, int64_t count, float* panels) {
    PanelProduct<16, 8>::copy_panels(source, stride, rows, count, panels);
}

[[gnu::target("avx512f")]] void add_panels_avx512(const float* left, const float* right,
                                                  int64_t rows, float* sums, int64_t stride) {
    PanelProduct<16, 8>::add_panels(left, right, rows, sums, stride);
}

#endif

PanelKernel kernel_of(VectorUnit unit) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (unit == VectorUnit::avx512) return {48, copy_panels_avx512, add_panels_avx512};
    if (unit == VectorUnit::fma) return {24, copy_panels_fma, add_panels_fma};
#endif
    assert(unit == VectorUnit::portable);
    return {12, copy_panels_portable, add_panels_portable};
}

/** Panels of inputs 0 … end − 1 of rows first … first + count − 1, filled up with zeros. */
void pack(const InputRows& x, int64_t first, int64_t count, int64_t end, const PanelKernel& kernel,
          float* panels) {
    const int64_t width = kernel.width;
    const float* block = x.data + first * x.row_stride;
    const int64_t whole = x.feature_stride == 1 ? std::min(end, x.in_features) / width : 0;
    for (int64_t p = 0; p < whole; p += panels_at_once) {
        kernel.copy_panels(block + p * width, x.row_stride, count,
                           std::min(panels_at_once, whole - p), panels + p * width * block_rows);
    }
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

std::vector<VectorUnit> vector_units() {
    std::vector<VectorUnit> units;
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_supports("avx512f")) units.push_back(VectorUnit::avx512);
    if (__builtin_cpu_supports("fma")) units.push_back(VectorUnit::fma);
#endif
    units.push_back(VectorUnit::portable);
    return units;
}

void symmetric_product(const InputRows& rows, const BandVisitor& visit) {
    static const VectorUnit fastest = vector_units().front();
    symmetric_product(rows, visit, fastest);
}

void symmetric_product(const InputRows& rows, const BandVisitor& visit, VectorUnit unit) {
    const PanelKernel kernel = kernel_of(unit);
    const int64_t width = kernel.width;
    const int64_t stride = padded(rows.in_features, width);
    thread_local AlignedVector<float> panels;
    thread_local AlignedVector<float> band;
    panels.resize(static_cast<std::size_t>(stride * block_rows));
    for (int64_t first = 0; first < rows.in_features; first += band_rows) {
        const int64_t end = std::min(first + band_rows, rows.in_features);
        band.assign(static_cast<std::size_t>((padded(end, width) - first) * stride), 0.0F);
        for (int64_t k = 0; k < rows.rows; k += block_rows) {
            const int64_t count = std::min(block_rows, rows.rows - k);
            pack(rows, k, count, end, kernel, panels.data());
            for (int64_t j = 0; j < end; j += width) {
                const float* right = panels.data() + j * block_rows;
                for (int64_t i = std::max(first, j); i < end; i += width) {
                    kernel.add_panels(panels.data() + i * block_rows, right, count,
                                      band.data() + (i - first) * stride + j, stride);
                }
            }
        }
        visit(first, {band.data(), end - first, end, stride});
    }
}

}  // namespace comq
