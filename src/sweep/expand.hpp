#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiment_config/load_config.hpp"
#include "sweep/sweep_spec.hpp"

namespace comq {

/** One experiment of a sweep. */
struct SweepPoint {
    /**
     * 16 hexadecimal digits of the hash of the config's identity_text and of whatever else the
     * sweep varies (checkpoints, data, threads): the same point has the same files in every later
     * call.
     */
    std::string id;
    LoadedConfig config;              ///< `output.file` and the cache lie in the sweep's folder
    std::vector<std::string> values;  ///< of Sweep::varied, in YAML
    std::string label;                ///< what varies, in short: "bits=4 order=greedy"
    /**
     * Position of the earlier point whose run is this one's, too: the same experiment, or one that
     * differs in a seed on which nothing depends (points/seed_use.hpp). Such a point is never run.
     */
    std::optional<std::size_t> same_as;

    const std::filesystem::path& result() const { return config.config.output.file; }
};

struct Sweep {
    SweepSpec spec;
    std::vector<std::string> varied;  ///< keys that points, zip and grid set, in this order
    std::vector<SweepPoint> points;   ///< the last key of the grid changes fastest

    /** Points that are not the same as an earlier one. */
    std::size_t runs() const;
};

/**
 * Every point of a sweep with its config checked. Later ones win: the config, `overrides`, the
 * command line, the point. Throws one UsageError with a line for everything that is wrong.
 */
Sweep expand(SweepSpec spec, const LoadOptions& options);
}  // namespace comq
