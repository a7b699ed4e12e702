#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "config/load_config.hpp"

namespace comq {

/**
 * YAML of the strict dialect as JSON: null, true, false and plain numbers become such values,
 * every other scalar a text. Throws UsageError naming `source` when `text` is no YAML.
 */
nlohmann::ordered_json json_of_yaml(const std::string& text, const std::string& source);

/** Every key of the config, nested by section. */
nlohmann::ordered_json resolved_json(const ExperimentConfig& config);

/** Who set which key to what: an array of {key, value, origin}. */
nlohmann::ordered_json annotated_json(const LoadedConfig& loaded);

}  // namespace comq
