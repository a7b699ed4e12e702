#include "config/expand_path.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>

namespace comq {

namespace fs = std::filesystem;

namespace {

std::optional<std::string> environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
}

bool is_variable_name(const std::string& name) {
    return !name.empty() &&
           name.find_first_not_of(
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
               std::string::npos;
}

/** The value of the "${...}" whose inside is `inside`. */
std::optional<std::string> expand_variable(const std::string& inside, const std::string& key,
                                           const YamlPosition& position, ConfigProblems& problems) {
    const std::size_t dash = inside.find(":-");
    const std::string name = inside.substr(0, dash);
    if (!is_variable_name(name)) {
        problems.add(position, key,
                     fmt::format("'${{{}}}' names no environment variable", excerpt(inside)));
        return std::nullopt;
    }
    if (auto value = environment(name)) return value;
    if (dash != std::string::npos) return inside.substr(dash + 2);
    problems.add(
        position, key,
        fmt::format("the environment variable {0} is not set; set it, or override {1}=PATH",
                    excerpt(name), key));
    return std::nullopt;
}

}  // namespace

fs::path expand_path(const fs::path& path, const std::string& key, const YamlPosition& position,
                     ConfigProblems& problems) {
    const std::string text = path.string();
    std::string expanded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '$' || i + 1 == text.size()) {
            expanded += text[i];
        } else if (text[i + 1] == '$') {
            expanded += text[i++];
        } else if (text[i + 1] != '{') {
            expanded += text[i];
        } else {
            const std::size_t end = text.find('}', i);
            if (end == std::string::npos) {
                problems.add(position, key,
                             fmt::format("'{}' lacks the '}}' of a variable", excerpt(text)));
                return path;
            }
            const auto value =
                expand_variable(text.substr(i + 2, end - i - 2), key, position, problems);
            if (!value) return path;
            expanded += *value;
            i = end;
        }
    }
    if (expanded == "~" || expanded.starts_with("~/")) {
        const auto home = environment("HOME");
        if (!home) {
            problems.add(position, key,
                         "'~' needs the environment variable HOME, which is not set");
            return path;
        }
        expanded.replace(0, 1, *home);
    }
    return expanded;
}

bool names_variable(const fs::path& path) {
    const std::string text = path.string();
    bool found = false;
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        if (text[i] != '$') continue;
        if (text[i + 1] == '{') {
            const std::size_t end = text.find('}', i);
            if (end == std::string::npos) return false;
            const std::string inside = text.substr(i + 2, end - i - 2);
            if (!is_variable_name(inside.substr(0, inside.find(":-")))) return false;
            found = true;
        }
        ++i;
    }
    return found;
}

}  // namespace comq
