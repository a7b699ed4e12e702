#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/key_info.hpp"
#include "config/problems.hpp"
#include "config/yaml_document.hpp"

namespace comq {

/** The document {a: {b: value}} for the key "a.b", which was written at `position`. */
YamlNode nested_document(std::string_view key, const YamlPosition& position, YamlNode value);

/**
 * "a.b=c" of the command line as the document {a: {b: c}}. The value of a key of `keys` that is a
 * path, a name or another text is what the shell gave, blanks, '#' and '~' included; one that
 * begins and ends with the same quote is unquoted. Other values are YAML. `null` and nothing after
 * '=' are null. A text that isn't of this form is a problem and gives an empty map.
 */
YamlNode parse_override(std::string_view text, const std::vector<KeyInfo>& keys,
                        ConfigProblems& problems);

/**
 * "[3, 4]" of "quantization.bits=3,4" or "quantization.bits=[3, 4]": values for a key of `keys`
 * that takes one. None where the override gives no more than that.
 */
std::optional<std::string> several_values(std::string_view text, const std::vector<KeyInfo>& keys);

/**
 * What somebody meant who gave a key the form of an option ("--bits=3", "+seed=1", "-device"):
 * "keys are given without dashes: quantization.bits=3". `value` follows a key without '='.
 */
std::string key_form_hint(std::string_view argument, std::string_view value,
                          const std::vector<KeyInfo>& keys);

}  // namespace comq
