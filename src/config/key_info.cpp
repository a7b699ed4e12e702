#include "config/key_info.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "config/yaml_document.hpp"
#include "core/errors.hpp"
#include "core/nearest_name.hpp"

namespace comq {

namespace {

const char* describe(KeyClass key_class) {
    switch (key_class) {
        case KeyClass::result:
            return "result (changes numbers; part of the run's identity)";
        case KeyClass::resource:
            return "resource (never changes numbers)";
        case KeyClass::location:
            return "location (what it holds is identity, the path is not)";
    }
    return "";
}

/** Words of `text` in lines of at most 80 columns, each after `indent` spaces but the first. */
std::string wrapped(const std::string& text, std::size_t indent) {
    std::istringstream words(text);
    std::string result, word;
    std::size_t column = indent;
    while (words >> word) {
        if (column > indent && column + 1 + word.size() > 80) {
            result.append("\n").append(indent, ' ');
            column = indent;
        }
        if (column > indent) result += " ";
        column += word.size() + (column > indent ? 1 : 0);
        result += word;
    }
    return result;
}

std::string explain_key(const KeyInfo& info) {
    constexpr std::size_t indent = 12;
    std::string text = info.key + "\n";
    const auto line = [&](const char* what, const std::string& value) {
        text += fmt::format("  {:<{}}{}\n", what, indent - 2, wrapped(value, indent));
    };
    line("type", info.type);
    line("default", info.required ? "none, the key is required" : info.default_text);
    if (!info.unit.empty()) line("unit", info.unit);
    line("class", describe(info.key_class));
    line("meaning", info.meaning);
    return text;
}

std::string_view last_part(std::string_view key) { return key.substr(key.rfind('.') + 1); }

}  // namespace

std::string nearest_key(std::string_view key, const std::vector<KeyInfo>& known) {
    const std::string_view compared = key.substr(0, 128);
    const KeyInfo* nearest = nullptr;
    int least = 0;
    for (const auto& info : known) {
        // A right last part in the wrong section costs as much as one wrong letter.
        const int distance = std::min(edit_distance(compared, info.key),
                                      edit_distance(last_part(compared), last_part(info.key)) + 1);
        if (nearest == nullptr || distance < least) {
            nearest = &info;
            least = distance;
        }
    }
    return nearest != nullptr ? nearest->key : "";
}

std::string unknown_key_message(std::string_view key, const std::vector<KeyInfo>& known) {
    return fmt::format("unknown key (nearest known: '{}')", nearest_key(key, known));
}

std::string explain_keys(const std::vector<KeyInfo>& keys, const std::string& name) {
    std::string text;
    for (const auto& info : keys) {
        if (name != "all" && info.key != name && !info.key.starts_with(name + ".")) continue;
        text.append(text.empty() ? "" : "\n").append(explain_key(info));
    }
    if (text.empty()) {
        throw UsageError("key '{}': {}", excerpt(name), unknown_key_message(name, keys));
    }
    return text;
}

void NestedYaml::add(std::string_view key, std::string_view value, std::string_view comment) {
    std::size_t depth = 0;
    for (auto dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.')) {
        const std::string section(key.substr(0, dot));
        key.remove_prefix(dot + 1);
        if (depth >= sections_.size() || sections_[depth] != section) {
            sections_.resize(depth);
            sections_.push_back(section);
            text_ += fmt::format("{}{}:\n", std::string(2 * depth, ' '), section);
        }
        ++depth;
    }
    sections_.resize(depth);
    text_ += fmt::format("{}{}: {}{}{}\n", std::string(2 * depth, ' '), key, value,
                         comment.empty() ? "" : "  # ", comment);
}

}  // namespace comq
