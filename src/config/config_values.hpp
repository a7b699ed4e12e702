#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/yaml_document.hpp"

namespace comq {

/**
 * The values of a config by dotted key ("quantization.bits" → "4"); a list is one value in YAML's
 * flow style.
 */
using ConfigValues = std::map<std::string, std::string>;

/** What a map of nested or dotted keys sets; values are never maps. */
std::vector<YamlNode::Entry> dotted_keys(const YamlNode& map);

/** Reads a stored config. Throws InputError when `text` is no map; `origin` names its file. */
ConfigValues config_values(const std::string& text, const std::string& origin);

/** A stored config as JSON, as json_of_yaml gives it; throws as config_values. */
nlohmann::ordered_json stored_config_json(const std::string& text, const std::string& origin);

/** A value in YAML's flow style, on one line. */
std::string flow_text(const YamlNode& node);

/**
 * YAML of the strict dialect as JSON: null, true, false and plain numbers become such values,
 * every other scalar a text. Throws UsageError naming `source` when `text` is no YAML.
 */
nlohmann::ordered_json json_of_yaml(const std::string& text, const std::string& source);

/** A key that has another value in a second config. */
struct DifferingKey {
    std::string key;
    std::string first;  ///< value; "(none)" where the key is missing
    std::string second;
};

/** Keys whose values differ or that only one of the two has, in order. */
std::vector<DifferingKey> differing_values(const ConfigValues& first, const ConfigValues& second);

}  // namespace comq
