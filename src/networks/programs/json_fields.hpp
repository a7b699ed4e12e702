#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/errors.hpp"

namespace comq {

/** Calls `read`; what it finds missing or of another type is an InputError naming `source`. */
template <typename Read>
void reading_json(const std::string& source, Read&& read) {
    const auto refuse = [&](const std::exception& error) -> InputError {
        return InputError("{}: not as torch.export.save writes it ({}); export it again", source,
                          error.what());
    };
    try {
        std::forward<Read>(read)();
    } catch (const nlohmann::json::exception& error) {
        throw refuse(error);
    } catch (const std::range_error& error) {
        throw refuse(error);
    }
}

/** A whole number of 64 bits; anything else is a std::range_error. */
inline int64_t integer_of(const nlohmann::json& value) {
    // `get` would cut other numbers off.
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
    if (!fits) throw std::range_error("a number that is no 64-bit integer");
    return value.get<int64_t>();
}

/** The one member of a JSON object that stands for a union. */
struct JsonUnion {
    std::string kind;
    const nlohmann::json& content;
};
/** Anything else is a std::range_error. */
inline JsonUnion union_of(const nlohmann::json& json) {
    if (!json.is_object() || json.size() != 1) throw std::range_error("a value that is no union");
    return {json.begin().key(), json.begin().value()};
}

}  // namespace comq
