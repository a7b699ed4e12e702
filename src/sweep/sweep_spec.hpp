#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/key_info.hpp"
#include "config/yaml_document.hpp"
#include "experiment_config/experiment_schema.hpp"
#include "points/point.hpp"
#include "sweep/launch_settings.hpp"

namespace comq {

/** A sweep as its file and the command line describe it. */
struct SweepSpec : LaunchSettings {
    std::string name;              ///< that of the file by default
    std::filesystem::path config;  ///< the experiment that all points start from
    std::filesystem::path folder;  ///< where results land; absolute; results/NAME by default
    YamlNode overrides;            ///< map of keys that all points share
    YamlNode grid;                 ///< map of keys to lists: every combination
    YamlNode zip;     ///< map of keys to lists of one length: one combination a position
    YamlNode points;  ///< list of maps of keys

    std::vector<YamlNode> experiment_overrides;  ///< of the command line
    std::string file;                            ///< as it was named, for messages
};

/**
 * Reads a sweep. A "key=value" of `arguments` whose key begins with a key of a sweep changes the
 * sweep (`slurm.time=1:00:00`, `grid.quantization.bits=[2,3]`), any other one the experiment of
 * every point. Throws one UsageError with a line for everything that is wrong, "file:line: ...".
 */
SweepSpec load_sweep(const std::filesystem::path& file,
                     const std::vector<std::string>& arguments = {});

/**
 * Reads and expands a sweep with the fragments that come with comq, its models and methods checked
 * against `known`. Throws one UsageError with a line for everything that is wrong: keys that are
 * not known, varied twice or fixed as well, lists that are none, configs of points, and variables
 * that are not set where that is wrong.
 */
PointSet open_sweep(const std::filesystem::path& file, const std::vector<std::string>& arguments,
                    const KnownNames& known = {},
                    UnsetVariable unset = UnsetVariable::known_elsewhere);

/** Every key of a sweep, for `run_sweep --explain`. */
std::vector<KeyInfo> sweep_keys();
/** Every key that may stand as key=value: of experiments, of sweeps, and "grid." of experiments. */
std::vector<KeyInfo> sweep_arguments(const KnownNames& known);

}  // namespace comq
