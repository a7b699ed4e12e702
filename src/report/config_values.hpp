#pragma once

#include <map>
#include <string>

namespace comq {

/**
 * The values of a resolved config by dotted key ("quantization.bits" → "4"); a list is one value
 * in YAML's flow style. Throws InputError when `text` is no YAML map; `origin` names its file.
 */
std::map<std::string, std::string> config_values(const std::string& text,
                                                 const std::string& origin);

}  // namespace comq
