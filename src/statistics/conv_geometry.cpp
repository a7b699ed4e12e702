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
        borders.erase(std::ranges::unique(borders).begin(), borders.end());
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

}  // namespace comq
