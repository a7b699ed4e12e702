#pragma once

#include <nlohmann/json.hpp>

namespace comq {

/** `value` as text prints it with so many digits behind the point; null when not measured (NaN). */
nlohmann::ordered_json with_decimals(double value, int decimals);

/** `value` with so many significant digits; null when not measured (NaN). */
nlohmann::ordered_json with_digits(double value, int digits);

}  // namespace comq
