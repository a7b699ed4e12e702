#include "statistics/conv_geometry.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace comq {

namespace {

/** Inputs of position a, by first and end, at which both a and b lie inside the map. */
std::pair<int64_t, int64_t> shared_inputs(const ConvAxis& axis, int64_t a, int64_t b) {
    int64_t first = 0, end = axis.outputs;
    for (const int64_t position : {a, b}) {
        while (first < end && axis.input_of(first, position) < 0) ++first;
        while (first < end && axis.input_of(end - 1, position) >= axis.size) --end;
    }
    return {axis.input_of(first, a), axis.input_of(end, a)};
}

int64_t phase(const ConvAxis& axis, int64_t input) {
    return (input % axis.stride + axis.stride) % axis.stride;
}

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

std::vector<PositionPairs> position_pairs(const ConvAxis& axis) {
    struct Window {
        int64_t a, b, first, end;
    };
    std::map<std::pair<int64_t, int64_t>, std::vector<Window>> classes;  // by shift and phase
    for (int64_t a = 0; a < axis.kernel; ++a) {
        for (int64_t b = 0; b < axis.kernel; ++b) {
            const auto [first, end] = shared_inputs(axis, a, b);
            if (first >= end) continue;
            classes[{axis.dilation * (b - a), phase(axis, first)}].push_back({a, b, first, end});
        }
    }

    std::vector<PositionPairs> all;
    for (const auto& [key, windows] : classes) {
        std::vector<int64_t> borders;
        for (const auto& window : windows) {
            borders.push_back(window.first);
            borders.push_back(window.end);
        }
        std::ranges::sort(borders);
        borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
        const auto index_of = [&](int64_t border) {
            return static_cast<std::size_t>(std::ranges::lower_bound(borders, border) -
                                            borders.begin());
        };
        PositionPairs pairs;
        pairs.shift = key.first;
        for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
            pairs.segments.push_back({borders[i], (borders[i + 1] - borders[i]) / axis.stride});
        }
        for (const auto& window : windows) {
            pairs.pairs.push_back(
                {window.a, window.b, index_of(window.first), index_of(window.end)});
        }
        all.push_back(std::move(pairs));
    }
    return all;
}

bool in_lower_half(const PositionPairs& y, const PositionPairs& x) {
    return y.shift > 0 || (y.shift == 0 && x.shift >= 0);
}

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
