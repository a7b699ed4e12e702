#include "core/json_text.hpp"

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

nlohmann::ordered_json json_number(double value) {
    return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json with_decimals(double value, int decimals) {
    if (!std::isfinite(value)) return nullptr;
    return parsed(fmt::format("{:.{}f}", value, decimals));
}

nlohmann::ordered_json with_digits(double value, int digits) {
    if (!std::isfinite(value)) return nullptr;
    return parsed(fmt::format("{:.{}g}", value, digits));
}

std::string json_text(const nlohmann::ordered_json& json) {
    using Json = nlohmann::ordered_json;
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace comq
