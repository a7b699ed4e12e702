#include "report/json_number.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <string>

namespace comq {

namespace {

nlohmann::ordered_json parsed(const std::string& text) {
    double value = 0.0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value == 0.0 ? 0.0 : value;  // never -0
}

}  // namespace

nlohmann::ordered_json with_decimals(double value, int decimals) {
    if (!std::isfinite(value)) return nullptr;
    return parsed(fmt::format("{:.{}f}", value, decimals));
}

nlohmann::ordered_json with_digits(double value, int digits) {
    if (!std::isfinite(value)) return nullptr;
    return parsed(fmt::format("{:.{}g}", value, digits));
}

}  // namespace comq
