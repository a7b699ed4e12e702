#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace comq {

/** Null for what was not measured: JSON has no NaN. */
nlohmann::ordered_json json_number(double value);

/** What `--json` prints: indented, with a newline at its end; bytes that are no UTF-8 replaced. */
std::string json_text(const nlohmann::ordered_json& value);

}  // namespace comq
