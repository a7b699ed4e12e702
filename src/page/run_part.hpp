#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "page/thumbnails.hpp"
#include "results/run_record.hpp"

namespace comq {

/** The float weight of a layer as `[out, m]` of f32, before it was quantized; none: not at hand. */
using FloatWeights = std::function<std::optional<HostTensor>(const std::string& layer)>;

/** What a page shows of a run beside its figures, and where it comes from. */
struct RunPartOptions {
    std::size_t images = 24;           ///< flipped images listed of each set at most
    Thumbnails* thumbnails = nullptr;  ///< null: none
    FloatWeights weights{};            ///< empty: none are at hand
};

/**
 * "blocks.3" of "blocks.3.attn.qkv": a layer's name up to its last number that something follows,
 * or all of a name without one.
 */
std::string block_of(const std::string& layer);

/**
 * A finished run as the scripts of a page read it: figures with their errors, columns of the layers
 * and the distribution of each, sensitivities, quantiles, flipped images, stages, provenance and
 * config. `file` names it. Numbers are rounded; null is what was not measured.
 */
nlohmann::ordered_json run_part(const RunRecord& run, const std::string& file,
                                const RunPartOptions& options);

}  // namespace comq
