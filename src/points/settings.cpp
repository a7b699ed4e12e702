#include "points/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "config/override.hpp"

namespace comq {

namespace {

/** A scalar in quotes only where YAML would misread it. */
std::string value_text(const YamlNode& value) {
    if (value.kind != YamlNode::Kind::scalar) return flow_text(value);
    ConfigProblems problems;
    const auto read = parse_yaml(value.scalar, "", problems, false);
    const bool same = read && problems.empty() && read->scalar == value.scalar;
    return same ? value.scalar : print_yaml_text(value.scalar);
}

}  // namespace

Setting setting_of(const std::string& key, const std::string& value) {
    Setting setting{key, {}, {}};
    setting.value.kind = YamlNode::Kind::scalar;
    setting.value.scalar = value;
    return setting;
}

YamlNode document_of(const Setting& setting) {
    return nested_document(setting.key, setting.position, setting.value);
}

std::string override_of(const Setting& setting) {
    return setting.key + "=" + value_text(setting.value);
}

void lay_over(YamlNode& map, const YamlNode& more) {
    map.kind = YamlNode::Kind::map;
    map.position = more.position;
    for (auto& leaf : dotted_keys(more)) {
        const auto found = std::ranges::find(map.entries, leaf.key, &Setting::key);
        if (found == map.entries.end()) {
            map.entries.push_back(std::move(leaf));
        } else {
            *found = std::move(leaf);
        }
    }
}

ValueType<YamlNode> tree(YamlNode::Kind kind, std::string description) {
    ValueType<YamlNode> result;
    result.description = std::move(description);
    result.form = ValueForm::tree;
    result.read = [kind, text = result.description](const YamlNode& node, const std::string& key,
                                                    YamlNode& value, ConfigProblems& problems) {
        if (node.kind == kind && kind == YamlNode::Kind::map) {
            lay_over(value, node);
        } else if (node.kind == kind || node.kind == YamlNode::Kind::null) {
            value = node;
        } else {
            problems.add(node.position, key,
                         fmt::format("expected a {}, not {}", text, node.describe()));
        }
    };
    result.print = [](const YamlNode&) { return std::string("null"); };
    return result;
}

}  // namespace comq
