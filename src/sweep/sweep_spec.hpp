#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/key_info.hpp"
#include "config/yaml_document.hpp"
#include "experiment_config/experiment_schema.hpp"

namespace comq {

/** How points run on this machine: `local`. */
struct LocalSettings {
    int jobs = 1;     ///< points at a time
    int threads = 0;  ///< of each point; 0: its own resources.threads, or a share of the cores
};

/** How points run under Slurm: `slurm`. */
struct SlurmSettings {
    int concurrent = 0;       ///< tasks of the array at a time; 0: as many as Slurm allows
    std::optional<int> cpus;  ///< of a task, which runs as many threads; none: slurm_cpus()
    int lead_time = 120;  ///< seconds before the time limit at which a task stops to be requeued
    std::optional<std::string> partition;
    std::optional<std::string> account;
    std::optional<std::string> time;
    std::optional<std::string> memory;
    std::optional<std::string> gres;
    std::vector<std::string> options;  ///< further options of sbatch, "--qos=long"
    std::vector<std::string> setup;    ///< shell lines before the program, "module load hdf5"
};

/** A sweep as its file and the command line describe it. */
struct SweepSpec {
    std::string name;              ///< that of the file by default
    std::filesystem::path config;  ///< the experiment that all points start from
    std::filesystem::path folder;  ///< where results land; absolute; results/NAME by default
    YamlNode overrides;            ///< map of keys that all points share
    YamlNode grid;                 ///< map of keys to lists: every combination
    YamlNode zip;     ///< map of keys to lists of one length: one combination a position
    YamlNode points;  ///< list of maps of keys
    LocalSettings local;
    SlurmSettings slurm;

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

/** What a map of nested or dotted keys sets, by dotted key; values are never maps. */
std::vector<YamlNode::Entry> dotted_keys(const YamlNode& map);

/** Every key of a sweep, for `run_sweep --explain`. */
std::vector<KeyInfo> sweep_keys();
/** Every key that may stand as key=value: of experiments, of sweeps, and "grid." of experiments. */
std::vector<KeyInfo> sweep_arguments(const KnownNames& known);

}  // namespace comq
