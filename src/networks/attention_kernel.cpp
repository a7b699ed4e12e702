#include "networks/attention_kernel.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

namespace comq {

namespace {

/** Queries at a time: with four vectors of a panel their sums fill AVX-512's registers. */
constexpr int64_t rows_at_once = 6;

template <VectorUnit unit>
constexpr int64_t lanes_of = unit == VectorUnit::avx512 ? 16
                             : unit == VectorUnit::avx2 ? 8
                                                        : 4;
template <VectorUnit unit>
constexpr int64_t most_vectors_of = unit == VectorUnit::avx512 ? 4 : 2;

/**
 * The columns of a matrix [depth, columns] in panels a few vectors wide, of as equal widths as can
 * be, each [depth, its width] one after the other. Columns are filled up with zeros to whole
 * vectors.
 */
struct Panels {
    int64_t depth;
    int64_t lanes;
    int64_t vectors;
    int64_t count;

    Panels(int64_t depth_, int64_t columns, int64_t lanes_, int64_t most_vectors)
        : depth(depth_),
          lanes(lanes_),
          vectors((columns + lanes_ - 1) / lanes_),
          count((vectors + most_vectors - 1) / most_vectors) {}

    int64_t columns() const { return vectors * lanes; }
    int64_t floats() const { return columns() * depth; }
    /** The first column of panel `p`; columns() for the one behind the last. */
    int64_t first(int64_t p) const {
        return (p * (vectors / count) + std::min(p, vectors % count)) * lanes;
    }
};

/** Calls body(panel, first column, width) for each. */
template <typename Body>
[[gnu::always_inline]] inline void for_each_panel(const Panels& panels, float* packed,
                                                  const Body& body) {
    for (int64_t p = 0; p < panels.count; ++p) {
        const int64_t first = panels.first(p);
        body(packed + first * panels.depth, first, panels.first(p + 1) - first);
    }
}

/** Panels of Kᵀ, [d, keys]. */
void pack_transposed(MatrixView<const float> key, const Panels& panels, float* packed) {
    std::fill_n(packed, panels.floats(), 0.0F);
    for_each_panel(panels, packed, [&](float* panel, int64_t first, int64_t width) {
        const int64_t keys = std::min(width, key.rows - first);
        for (int64_t j = 0; j < keys; ++j) {
            const float* row = key.row(first + j);
            for (int64_t i = 0; i < panels.depth; ++i) panel[i * width + j] = row[i];
        }
    });
}

/** Panels of V, [keys, width]. */
void pack(MatrixView<const float> value, const Panels& panels, float* packed) {
    for_each_panel(panels, packed, [&](float* panel, int64_t first, int64_t width) {
        const int64_t columns = std::min(width, value.cols - first);
        for (int64_t k = 0; k < panels.depth; ++k) {
            std::copy_n(value.row(k) + first, columns, panel + k * width);
            std::fill_n(panel + k * width + columns, width - columns, 0.0F);
        }
    });
}

/** rows_at_once rows [depth] of `left`, times a panel of as many vectors, into as many of `out`. */
template <int64_t lanes, int64_t vectors>
[[gnu::always_inline]] inline void multiply_tile(const float* left, int64_t left_stride,
                                                 const float* panel, int64_t depth, float* out,
                                                 int64_t out_stride) {
    Vector<float, lanes> sum[rows_at_once][vectors] = {};
    for (int64_t k = 0; k < depth; ++k) {
        const float* right = panel + k * vectors * lanes;
#pragma GCC unroll 6
        for (int64_t r = 0; r < rows_at_once; ++r) {
            const float factor = left[r * left_stride + k];
#pragma GCC unroll 4
            for (int64_t v = 0; v < vectors; ++v) {
                sum[r][v] += vector_at<lanes>(right + v * lanes) * factor;
            }
        }
    }
#pragma GCC unroll 6
    for (int64_t r = 0; r < rows_at_once; ++r) {
#pragma GCC unroll 4
        for (int64_t v = 0; v < vectors; ++v) {
            vector_at<lanes>(out + r * out_stride + v * lanes) = sum[r][v];
        }
    }
}

template <VectorUnit unit>
[[gnu::always_inline]] inline void multiply(const float* left, int64_t left_stride,
                                            const Panels& panels, float* packed, float* out) {
    constexpr int64_t lanes = lanes_of<unit>;
    const int64_t stride = panels.columns();
    for_each_panel(panels, packed, [&](const float* panel, int64_t first, int64_t width) {
        float* tile = out + first;
        const int64_t depth = panels.depth;
        switch (width / lanes) {
            case 1:
                return multiply_tile<lanes, 1>(left, left_stride, panel, depth, tile, stride);
            case 2:
                return multiply_tile<lanes, 2>(left, left_stride, panel, depth, tile, stride);
            case 3:
                return multiply_tile<lanes, 3>(left, left_stride, panel, depth, tile, stride);
            default:
                return multiply_tile<lanes, 4>(left, left_stride, panel, depth, tile, stride);
        }
    });
}

/**
 * eˣ for x ≤ 0 with a relative error of 3e-7, as 2ⁿ·e^r with |r| ≤ ln 2 / 2 and the Taylor sum of
 * e^r. Below -87 results would be no normal numbers: they are e^-87. NaN stays NaN.
 */
template <int64_t lanes>
[[gnu::always_inline]] inline void exponentiate(float* numbers) {
    using Floats = Vector<float, lanes>;
    using Integers = Vector<int32_t, lanes>;
    // Added, it leaves the nearest integer in the last bits.
    constexpr float to_integer = 0x1.8p23F;
    Floats x = vector_at<lanes>(numbers);
    x = x < -87.0F ? Floats{} - 87.0F : x;
    const Floats shifted = x * 0x1.715476p0F + to_integer;
    const Floats n = shifted - to_integer;
    const Floats r = (x - n * 0x1.62e4p-1F) - n * 0x1.7f7d1cp-20F;  // ln 2 in two parts
    Floats sum = r * (1.0F / 720) + (1.0F / 120);
    sum = sum * r + (1.0F / 24);
    sum = sum * r + (1.0F / 6);
    sum = sum * r + 0.5F;
    sum = sum * r + 1.0F;
    sum = sum * r + 1.0F;
    const Integers exponent =
        reinterpret_cast<const Integers&>(shifted) - std::bit_cast<int32_t>(to_integer) + 127;
    const Integers power = exponent << 23;
    vector_at<lanes>(numbers) = sum * reinterpret_cast<const Floats&>(power);
}

/** Scores [columns], a multiple of `lanes`, become e^(score - largest); returns 1 / their sum. */
template <int64_t lanes>
[[gnu::always_inline]] inline float soften(float* scores, int64_t columns) {
    Vector<float, lanes> most = vector_at<lanes>(scores);
    for (int64_t j = lanes; j < columns; j += lanes) {
        const Vector<float, lanes> next = vector_at<lanes>(scores + j);
        most = next > most ? next : most;
    }
    float largest = most[0];
    for (int64_t l = 1; l < lanes; ++l) largest = std::max(largest, most[l]);
    Vector<float, lanes> sum = {};
    for (int64_t j = 0; j < columns; j += lanes) {
        vector_at<lanes>(scores + j) -= largest;
        exponentiate<lanes>(scores + j);
        sum += vector_at<lanes>(scores + j);
    }
    float total = 0.0F;
    for (int64_t l = 0; l < lanes; ++l) total += sum[l];
    return 1.0F / total;
}

}  // namespace

void AttentionKernel::run(const AttentionHead& head) {
    run_on(unit_, [this, &head](auto on) {
        constexpr VectorUnit unit = on();
        constexpr int64_t lanes = lanes_of<unit>;
        const int64_t d = head.query.cols, keys = head.key.rows;
        const Panels of_keys(d, keys, lanes, most_vectors_of<unit>);
        const Panels of_values(keys, head.value.cols, lanes, most_vectors_of<unit>);
        const int64_t columns = of_keys.columns(), width = of_values.columns();
        const auto at_least = [](AlignedVector<float>& buffer, int64_t floats) {
            if (std::ssize(buffer) < floats) buffer.resize(static_cast<std::size_t>(floats));
            return buffer.data();
        };
        float* key_panels = at_least(key_panels_, of_keys.floats());
        float* value_panels = at_least(value_panels_, of_values.floats());
        float* rows = at_least(rows_, rows_at_once * d);
        float* scores = at_least(scores_, rows_at_once * columns);
        float* sums = at_least(sums_, rows_at_once * width);
        pack_transposed(head.key, of_keys, key_panels);
        pack(head.value, of_values, value_panels);
        for (int64_t first = 0; first < head.query.rows; first += rows_at_once) {
            // The last block repeats the last query where there are too few.
            const auto query_of = [&](int64_t r) {
                return std::min(first + r, head.query.rows - 1);
            };
            for (int64_t r = 0; r < rows_at_once; ++r) {
                const float* query = head.query.row(query_of(r));
                for (int64_t i = 0; i < d; ++i) rows[r * d + i] = query[i] * head.scale;
            }
            multiply<unit>(rows, d, of_keys, key_panels, scores);
            std::array<float, rows_at_once> share;
            for (int64_t r = 0; r < rows_at_once; ++r) {
                float* row = scores + r * columns;
                if (head.bias != nullptr) {
                    const float* bias = head.bias + query_of(r) * head.bias_query_step;
                    for (int64_t j = 0; j < keys; ++j) row[j] += bias[j * head.bias_key_step];
                }
                std::fill(row + keys, row + columns, -std::numeric_limits<float>::infinity());
                share[static_cast<std::size_t>(r)] = soften<lanes>(row, columns);
            }
            multiply<unit>(scores, columns, of_values, value_panels, sums);
            for (int64_t r = 0; r < rows_at_once && first + r < head.query.rows; ++r) {
                float* mixed = head.mixed.row(first + r);
                for (int64_t i = 0; i < head.value.cols; ++i) {
                    mixed[i] = sums[r * width + i] * share[static_cast<std::size_t>(r)];
                }
            }
        }
    });
}

}  // namespace comq
