#include "config/problems.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/errors.hpp"

namespace comq {

void ConfigProblems::add(const YamlPosition& position, std::string_view key,
                         std::string_view what) {
    add(position, fmt::format("key '{}': {}", excerpt(key), what));
}

void ConfigProblems::add(const YamlPosition& position, std::string_view what) {
    std::string line = fmt::format("{}: {}", position.text(), what);
    // A fragment that is reached twice has its problems once.
    if (std::find(lines_.begin(), lines_.end(), line) == lines_.end()) {
        lines_.push_back(std::move(line));
    }
}

void ConfigProblems::throw_if_any() const {
    if (!lines_.empty()) throw UsageError("{}", fmt::join(lines_, "\n"));
}

}  // namespace comq
