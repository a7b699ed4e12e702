#include "statistics/patches.hpp"

#include <algorithm>

namespace comq {

namespace {

float* copy_strided(const float* from, int64_t stride, int64_t count, float* to) {
    if (stride == 1) return std::copy_n(from, count, to);
    for (int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
    return to + count;
}

/** Copies what position (a, b) of the kernel reads for one run of outputs, zeros where it is
 *  padding. */
float* copy_patch_values(const ConvGeometry& geometry, const float* plane, const OutputRun& run,
                         int64_t a, int64_t b, float* to) {
    const int64_t y = geometry.y.input_of(run.y, a);
    if (y < 0 || y >= geometry.y.size) return std::fill_n(to, run.count, 0.0F);
    int64_t first = 0, end = run.count;
    const auto x_of = [&](int64_t i) { return geometry.x.input_of(run.x + i, b); };
    while (first < end && x_of(first) < 0) ++first;
    while (first < end && x_of(end - 1) >= geometry.x.size) --end;
    to = std::fill_n(to, first, 0.0F);
    if (first < end) {
        to = copy_strided(plane + y * geometry.x.size + x_of(first), geometry.x.stride, end - first,
                          to);
    }
    return std::fill_n(to, run.count - end, 0.0F);
}

}  // namespace

void gather_patches(const ConvGeometry& geometry, const Maps& maps, std::span<const OutputRun> runs,
                    float* patches) {
    const int64_t per_group = geometry.channels_per_group();
    for (int64_t g = 0; g < geometry.groups; ++g) {
        for (int64_t a = 0; a < geometry.y.kernel; ++a) {
            for (int64_t b = 0; b < geometry.x.kernel; ++b) {
                for (int64_t c = g * per_group; c < (g + 1) * per_group; ++c) {
                    for (const auto& run : runs) {
                        patches = copy_patch_values(geometry, maps.plane(geometry, run.image, c),
                                                    run, a, b, patches);
                    }
                }
            }
        }
    }
}

int64_t row_position(const ConvAxis& axis, int64_t y) {
    const int64_t phase = y % axis.stride;
    int64_t before = 0;  // rows of smaller phases
    for (int64_t k = 0; k < phase; ++k) before += (axis.size - k + axis.stride - 1) / axis.stride;
    return before + y / axis.stride;
}

void gather_columns(const ConvGeometry& geometry, const Maps& maps, const IndexRun& columns,
                    float* values) {
    for (int64_t c = 0; c < geometry.channels; ++c) {
        for (int64_t phase = 0; phase < geometry.y.stride; ++phase) {
            for (int64_t y = phase; y < geometry.y.size; y += geometry.y.stride) {
                for (int64_t image = 0; image < maps.batch; ++image) {
                    const float* row = maps.plane(geometry, image, c) + y * geometry.x.size;
                    values =
                        copy_strided(row + columns.first, geometry.x.stride, columns.count, values);
                }
            }
        }
    }
}

}  // namespace comq
