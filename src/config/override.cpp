#include "config/override.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace comq {

namespace {

const KeyInfo* find_key(std::string_view name, const std::vector<KeyInfo>& keys) {
    const auto found = std::ranges::find(keys, name, &KeyInfo::key);
    return found == keys.end() ? nullptr : &*found;
}

/** What stands in YAML quotes; none when the text is no quoted scalar as a whole. */
std::optional<std::string> unquoted(std::string_view text) {
    if (text.size() < 2 || text.front() != text.back()) return std::nullopt;
    if (text.front() != '"' && text.front() != '\'') return std::nullopt;
    ConfigProblems none;
    auto node = parse_yaml(text, "", none, false);
    if (!node || !none.empty() || !node->quoted) return std::nullopt;
    return std::move(node->scalar);
}

YamlNode text_value(std::string_view text, const YamlPosition& position) {
    YamlNode node;
    node.position = position;
    if (text.empty() || text == "null") return node;
    node.kind = YamlNode::Kind::scalar;
    node.scalar = unquoted(text).value_or(std::string(text));
    return node;
}

bool is_dotted_key(std::string_view key) {
    return !key.empty() && key.front() != '.' && key.back() != '.' &&
           key.find("..") == std::string_view::npos;
}

}  // namespace

YamlNode nested_document(std::string_view key, const YamlPosition& position, YamlNode value) {
    // Innermost section first.
    while (true) {
        const std::size_t dot = key.rfind('.');
        YamlNode map;
        map.kind = YamlNode::Kind::map;
        map.position = position;
        map.entries.push_back({std::string(key.substr(dot + 1)), position, std::move(value)});
        if (dot == std::string_view::npos) return map;
        value = std::move(map);
        key = key.substr(0, dot);
    }
}

YamlNode parse_override(std::string_view text, const std::vector<KeyInfo>& keys,
                        ConfigProblems& problems) {
    const std::string source = "command line: " + excerpt(text);
    const YamlPosition position(source);
    YamlNode document;
    document.kind = YamlNode::Kind::map;
    document.position = position;

    const std::size_t equals = text.find('=');
    const std::string_view key = text.substr(0, equals);
    if (key.starts_with('+') || key.starts_with('-')) {
        problems.add(position, key_form_hint(text, "", keys));
        return document;
    }
    if (equals == std::string_view::npos || !is_dotted_key(key)) {
        problems.add(position, "expected key=value, like quantization.bits=3");
        return document;
    }
    if (key == "defaults") {
        problems.add(position, "defaults", "fragments are named in files only");
        return document;
    }
    const std::string_view value = text.substr(equals + 1);
    const KeyInfo* info = find_key(key, keys);
    if (info != nullptr && (info->form == ValueForm::text || info->form == ValueForm::name)) {
        return nested_document(key, position, text_value(value, position));
    }
    auto parsed = parse_yaml(value, source, problems, false);
    if (!parsed) return document;
    return nested_document(key, position, std::move(*parsed));
}

std::optional<std::string> several_values(std::string_view text, const std::vector<KeyInfo>& keys) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const KeyInfo* info = find_key(text.substr(0, equals), keys);
    if (info == nullptr || info->form == ValueForm::text || info->form == ValueForm::tree) {
        return std::nullopt;
    }
    const std::string_view value = text.substr(equals + 1);
    if (value.starts_with('[') && value.ends_with(']')) return std::string(value);
    if (value.find(',') == std::string_view::npos) return std::nullopt;
    return fmt::format("[{}]", value);
}

std::string key_form_hint(std::string_view argument, std::string_view value,
                          const std::vector<KeyInfo>& keys) {
    const std::size_t begin = std::min(argument.find_first_not_of("-+"), argument.size());
    const std::string_view bare = argument.substr(begin);
    const std::size_t equals = bare.find('=');
    const std::string_view key = bare.substr(0, equals);
    if (equals != std::string_view::npos) value = bare.substr(equals + 1);
    return fmt::format("keys are given without {}: {}={}",
                       argument.starts_with('+') ? "'+'" : "dashes",
                       find_key(key, keys) != nullptr ? std::string(key) : nearest_key(key, keys),
                       value.empty() ? "VALUE" : excerpt(value));
}

}  // namespace comq
