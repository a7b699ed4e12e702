#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace comq {

/** One axis of a convolution: output p reads input stride·p + dilation·a − padding at position a
 *  of the kernel. */
struct ConvAxis {
    int64_t size = 0;
    int64_t kernel = 1;
    int64_t stride = 1;
    int64_t dilation = 1;
    int64_t padding = 0;  ///< before the first input
    int64_t outputs = 0;

    int64_t input_of(int64_t output, int64_t position) const {
        return stride * output + dilation * position - padding;
    }
};

/** Indices first, first + stride, …, `count` of them. */
struct IndexRun {
    int64_t first = 0;
    int64_t count = 0;
};

/**
 * The pairs (a, b) of kernel positions whose inputs stand `shift` apart and on the same phase of
 * the stride. They multiply the same inputs, q with q + shift, but for some at the borders:
 * `segments` are disjoint runs of q, and a pair sums those of [first, last). Padding is left out.
 */
struct PositionPairs {
    struct Pair {
        int64_t a = 0;
        int64_t b = 0;
        std::size_t first = 0;
        std::size_t last = 0;
    };
    int64_t shift = 0;
    std::vector<IndexRun> segments;
    std::vector<Pair> pairs;
};

/** All pairs of kernel positions of one axis that meet any input, each once. */
std::vector<PositionPairs> position_pairs(const ConvAxis& axis);

/** True for one of each two shifts (y, x) and (−y, −x): the other gives the transposed blocks. */
bool in_lower_half(const PositionPairs& y, const PositionPairs& x);

/** A convolution over maps of one size. */
struct ConvGeometry {
    int64_t channels = 0;  ///< of the input
    int64_t groups = 1;
    ConvAxis y;
    ConvAxis x;

    int64_t channels_per_group() const { return channels / groups; }
    int64_t positions() const { return y.kernel * x.kernel; }
    int64_t outputs() const { return y.outputs * x.outputs; }
};

/** Maps `[batch, channels, y.size, x.size]`, contiguous. */
struct Maps {
    const float* values = nullptr;
    int64_t batch = 0;

    const float* plane(const ConvGeometry& geometry, int64_t image, int64_t channel) const {
        return values + (image * geometry.channels + channel) * geometry.y.size * geometry.x.size;
    }
};

/** Neighbouring outputs of one row: (y, x), (y, x + 1), … */
struct OutputRun {
    int64_t image = 0;
    int64_t y = 0;
    int64_t x = 0;
    int64_t count = 0;
};

/**
 * Writes the patches of `runs`, N outputs in all, as `[groups, positions, channels per group, N]`:
 * the transposed rows of im2col with the positions of the kernel outermost.
 */
void gather_patches(const ConvGeometry& geometry, const Maps& maps, std::span<const OutputRun> runs,
                    float* patches);

/**
 * Writes the columns first, first + stride, … of all rows as `[channels, rows, batch, count]`. Rows
 * are ordered by their phase of the stride, so that y, y + stride, … follow each other:
 * `row_position` says where y stands.
 */
void gather_columns(const ConvGeometry& geometry, const Maps& maps, const IndexRun& columns,
                    float* values);
int64_t row_position(const ConvAxis& axis, int64_t y);

}  // namespace comq
