#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config_values.hpp"
#include "config/schema.hpp"
#include "experiment_config/experiment_config.hpp"

namespace comq {

/**
 * Names that later rooms know. A config is checked against them where it is read, so that a typing
 * error is reported with its line; an empty list accepts any name.
 */
struct KnownNames {
    std::vector<std::string> models;
    std::vector<std::string> methods;
    std::vector<std::string> layouts = {};

    auto operator<=>(const KnownNames&) const = default;
};

using ExperimentSchema = Schema<ExperimentConfig, RunKey>;

/**
 * Every key of an experiment. To add a key: a field in the config of its section and an entry in
 * the section's NAME_keys.cpp. It is made once for the same names, which takes as long as reading
 * a config, and lives as long as the program. Thread-safe.
 */
const ExperimentSchema& experiment_schema(const KnownNames& known = {});

/** The keys a preset sets, as a YAML document, and its name in a config. */
struct PresetValues {
    Preset preset;
    std::string name;
    std::string yaml;
    ConfigValues values;  ///< of `yaml`
};
const std::vector<PresetValues>& presets();

}  // namespace comq
