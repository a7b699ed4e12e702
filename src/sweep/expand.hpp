#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/load_config.hpp"
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

    const std::filesystem::path& result() const { return config.config.output.file; }
};

struct Sweep {
    SweepSpec spec;
    std::vector<std::string> varied;  ///< keys that points, zip and grid set, in this order
    std::vector<SweepPoint> points;   ///< the last key of the grid changes fastest
};

/**
 * Every point of a sweep with its config checked. Later ones win: the config, `overrides`, the
 * command line, the point. Throws one UsageError with a line for everything that is wrong.
 */
Sweep expand(SweepSpec spec, const LoadOptions& options);

/** "quantization.bits=4 quantization.order=greedy" */
std::string describe_point(const Sweep& sweep, const SweepPoint& point);

}  // namespace comq
