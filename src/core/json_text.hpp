#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace comq {

/** Null for what was not measured: JSON has no NaN. */
nlohmann::ordered_json json_number(double value);

/** `value` as text prints it with so many digits behind the point; null when not measured (NaN). */
nlohmann::ordered_json with_decimals(double value, int decimals);

/** `value` with so many significant digits; null when not measured (NaN). */
nlohmann::ordered_json with_digits(double value, int digits);

/** The text that `--json` prints: indented, with a newline at its end; bytes that are no UTF-8
 * replaced. */
std::string json_text(const nlohmann::ordered_json& json);

}  // namespace comq
