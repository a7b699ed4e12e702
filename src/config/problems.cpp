#include "config/problems.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

namespace comq {

void ConfigProblems::add(const YamlPosition& position, std::string_view key,
                         std::string_view what) {
    add(position, fmt::format("key '{}': {}", excerpt(key), what));
}

void ConfigProblems::add(const YamlPosition& position, std::string_view what) {
    add_line(fmt::format("{}: {}", position.text(), what));
}

void ConfigProblems::add(const UsageError& error) {
    std::istringstream lines(error.what());
    for (std::string line; std::getline(lines, line);) add_line(line);
}

void ConfigProblems::add(const ConfigProblems& others) {
    for (const auto& line : others.lines_) add_line(line);
}

void ConfigProblems::add_line(const std::string& line) {
    // A fragment that is reached twice has its problems once.
    if (std::ranges::find(lines_, line) == lines_.end()) lines_.push_back(line);
}

void ConfigProblems::throw_if_any() const {
    if (!lines_.empty()) throw UsageError("{}", fmt::join(lines_, "\n"));
}

}  // namespace comq
