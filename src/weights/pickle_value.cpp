#include "weights/pickle_value.hpp"

#include <fmt/format.h>

#include <array>

namespace comq {

std::string describe(const PickleValue& value) {
    if (const auto* opaque = value.get<PickleOpaque>()) {
        return fmt::format("an object of '{}'", opaque->made_by);
    }
    if (const auto* global = value.get<PickleGlobal>()) {
        return fmt::format("the name '{}'", global->name);
    }
    constexpr std::array<std::string_view, std::variant_size_v<decltype(value.value)>> names{
        "None",   "a boolean",    "an integer", "a number",  "text",      "an integer",
        "a list", "a dictionary", "a name",     "an object", "a storage", "a tensor"};
    return std::string(names[value.value.index()]);
}

}  // namespace comq
