#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiment_config/load_config.hpp"

namespace comq {

/** A config with and without what the command line changes, its paths absolute. */
struct OverriddenConfig {
    const LoadedConfig& with;
    /** Without the overrides, but for the preset: what a preset sets is not named key by key. */
    const LoadedConfig& without;
    Preset preset_of_file;
    const GivenKeys& overridden;
};

/**
 * The result file of a run that names none: "results/NAME.h5", NAME being `stem` and a part for
 * each key whose override changes numbers, as in "demo_vit_4bit-seed1-bits3". A part is the last
 * word of the key (with its section where an earlier key of --explain ends in the same word) and
 * the value; of a path that leads to other content, its stem. At most 200 bytes: a hash takes the
 * place of what is long.
 */
std::filesystem::path default_output(const std::string& stem, const OverriddenConfig& config,
                                     const ExperimentSchema& schema);

}  // namespace comq
