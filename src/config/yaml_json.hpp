#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace comq {

/**
 * YAML of the strict dialect as JSON: null, true, false and plain numbers become such values,
 * every other scalar a text. Throws UsageError naming `source` when `text` is no YAML.
 */
nlohmann::ordered_json json_of_yaml(const std::string& text, const std::string& source);

}  // namespace comq
