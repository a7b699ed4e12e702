#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <vector>

#include "results/run_record.hpp"

namespace comq {

/** How many values fall into each of equally wide bins from `low` to `high`, both included. */
struct Histogram {
    double low = 0;
    double high = 0;
    std::vector<int64_t> counts;
};

struct ValueRange {
    float low = 0;
    float high = 0;
};

/** The smallest and largest of `values`, which are not empty. */
ValueRange range_of(std::span<const float> values);

/** Values beyond the range count in the outermost bins; one bin where the range is a point. */
Histogram histogram_of(std::span<const float> values, ValueRange range, std::size_t bins);

/** Wq = scale·(bit_code + zero_point) of a layer, `[out, m]` row-major. */
std::vector<float> quantized_values(const LayerRecord& layer);

/**
 * Distributions of one layer, small enough for a page: of its quantized weights, its codes (one bin
 * a level) and its scales; of its float weights, where `weights` (`[out, m]`, f32) has them and
 * their distance to the quantized ones is that of the run. Another distance tells that the run
 * quantized other weights than these, as after a rotation or with a norm folded in.
 */
nlohmann::ordered_json distributions_of(const LayerRecord& layer,
                                        const std::optional<HostTensor>& weights);

}  // namespace comq
