#pragma once

#include <cstddef>
#include <cstdint>
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

}  // namespace comq
