#include "report/json_text.hpp"

#include <cmath>

namespace comq {

nlohmann::ordered_json json_number(double value) {
    return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

std::string json_text(const nlohmann::ordered_json& value) {
    using Json = nlohmann::ordered_json;
    return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace comq
