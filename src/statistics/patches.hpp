#pragma once

#include <cstdint>
#include <span>

#include "statistics/conv_geometry.hpp"

namespace comq {

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
