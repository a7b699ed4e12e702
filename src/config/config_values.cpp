#include "config/config_values.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "config/problems.hpp"
#include "config/value_types.hpp"
#include "core/errors.hpp"

namespace comq {

namespace {

void add_leaves(const YamlNode& map, const std::string& prefix,
                std::vector<YamlNode::Entry>& leaves) {
    for (const auto& entry : map.entries) {
        if (entry.value.kind == YamlNode::Kind::map) {
            add_leaves(entry.value, prefix + entry.key + ".", leaves);
        } else {
            leaves.push_back({prefix + entry.key, entry.position, entry.value});
        }
    }
}

using Json = nlohmann::ordered_json;

Json json_of_scalar(const YamlNode& node) {
    if (node.quoted) return node.scalar;
    if (node.scalar == "true" || node.scalar == "false") return node.scalar == "true";
    if (const auto whole = parse_number<int64_t>(node.scalar)) return *whole;
    if (const auto large = parse_number<uint64_t>(node.scalar)) return *large;
    if (const auto real = parse_number<double>(node.scalar)) return *real;
    return node.scalar;
}

Json json_of(const YamlNode& node) {
    switch (node.kind) {
        case YamlNode::Kind::null:
            return nullptr;
        case YamlNode::Kind::scalar:
            return json_of_scalar(node);
        case YamlNode::Kind::list: {
            Json list = Json::array();
            for (const auto& item : node.items) list.push_back(json_of(item));
            return list;
        }
        case YamlNode::Kind::map: {
            Json map = Json::object();
            for (const auto& entry : node.entries) map[entry.key] = json_of(entry.value);
            return map;
        }
    }
    return nullptr;
}

YamlNode stored_map(const std::string& text, const std::string& origin) {
    ConfigProblems problems;
    auto root = parse_yaml(text, origin, problems);
    if (!problems.empty()) {
        throw InputError("{} (the stored config is no YAML)", problems.lines().front());
    }
    if (root->kind != YamlNode::Kind::map) {
        throw InputError("{}: the stored config is no map of keys", origin);
    }
    return std::move(*root);
}

}  // namespace

std::vector<YamlNode::Entry> dotted_keys(const YamlNode& map) {
    std::vector<YamlNode::Entry> leaves;
    add_leaves(map, "", leaves);
    return leaves;
}

std::string flow_text(const YamlNode& node) {
    std::vector<std::string> parts;
    switch (node.kind) {
        case YamlNode::Kind::null:
            return "null";
        case YamlNode::Kind::scalar:
            return print_yaml_text(node.scalar);
        case YamlNode::Kind::list:
            for (const auto& item : node.items) parts.push_back(flow_text(item));
            return fmt::format("[{}]", fmt::join(parts, ", "));
        case YamlNode::Kind::map:
            for (const auto& entry : node.entries) {
                parts.push_back(entry.key + ": " + flow_text(entry.value));
            }
            return fmt::format("{{{}}}", fmt::join(parts, ", "));
    }
    return "";
}

ConfigValues config_values(const std::string& text, const std::string& origin) {
    ConfigValues values;
    for (const auto& [key, position, value] : dotted_keys(stored_map(text, origin))) {
        const bool plain = value.kind == YamlNode::Kind::scalar;
        values[key] = plain ? value.scalar : flow_text(value);
    }
    return values;
}

Json json_of_yaml(const std::string& text, const std::string& source) {
    ConfigProblems problems;
    const auto node = parse_yaml(text, source, problems);
    problems.throw_if_any();
    return json_of(*node);
}

Json stored_config_json(const std::string& text, const std::string& origin) {
    return json_of(stored_map(text, origin));
}

std::vector<DifferingKey> differing_values(const ConfigValues& first, const ConfigValues& second) {
    const auto value_in = [](const ConfigValues& values, const std::string& key) {
        const auto found = values.find(key);
        return found == values.end() ? std::string("(none)") : found->second;
    };
    ConfigValues either = first;
    either.insert(second.begin(), second.end());
    std::vector<DifferingKey> differing;
    for (const auto& [key, value] : either) {
        DifferingKey both{key, value_in(first, key), value_in(second, key)};
        if (both.first != both.second) differing.push_back(std::move(both));
    }
    return differing;
}

}  // namespace comq
