#pragma once

#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

namespace comq {

/** A line of CSV (RFC 4180) with its end; fields are in quotes where they need them. */
std::string csv_line(const std::vector<std::string>& fields);

/** A text or number as a field, exactly; empty where it was not measured (NaN). */
template <typename Value>
std::string csv_field(const Value& value) {
    if constexpr (std::is_floating_point_v<Value>) {
        if (std::isnan(value)) return "";
    }
    return fmt::format("{}", value);
}

}  // namespace comq
