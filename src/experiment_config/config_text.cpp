#include "experiment_config/config_text.hpp"

#include <fmt/format.h>

#include <map>

namespace comq {

namespace {

const Schema<ExperimentConfig>& any_names() {
    static const auto schema = experiment_schema();
    return schema;
}

std::string flow_text(const YamlNode& node) {
    std::string text;
    for (const auto& item : node.items) text += flow_text(item) + ",";
    for (const auto& entry : node.entries) text += entry.key + ":" + flow_text(entry.value) + ",";
    switch (node.kind) {
        case YamlNode::Kind::null:
            return "null";
        case YamlNode::Kind::scalar:
            return print_yaml_text(node.scalar);
        case YamlNode::Kind::list:
            return fmt::format("[{}]", text);
        case YamlNode::Kind::map:
            return fmt::format("{{{}}}", text);
    }
    return text;
}

/** Leaves of the tree by dotted key, a list being one leaf. */
void flatten(const YamlNode& map, const std::string& prefix,
             std::map<std::string, std::string>& values) {
    for (const auto& entry : map.entries) {
        if (entry.value.kind == YamlNode::Kind::map) {
            flatten(entry.value, prefix + entry.key + ".", values);
        } else {
            values[prefix + entry.key] = flow_text(entry.value);
        }
    }
}

std::map<std::string, std::string> flat_values(const std::string& text, const std::string& source) {
    ConfigProblems problems;
    const auto document = parse_yaml(text, source, problems);
    problems.throw_if_any();
    std::map<std::string, std::string> values;
    flatten(*document, "", values);
    return values;
}

}  // namespace

std::string resolved_text(const ExperimentConfig& config) {
    return any_names().print(config, [](const KeyInfo&) { return true; });
}

std::string annotated_text(const LoadedConfig& loaded) {
    return any_names().print(
        loaded.config, [](const KeyInfo&) { return true; },
        [&](const KeyInfo& info) { return loaded.origin(info.key); });
}

std::string identity_text(const ExperimentConfig& config) {
    return identity_text(config, [](const std::string&) { return true; });
}

std::string identity_text(const ExperimentConfig& config,
                          const std::function<bool(const std::string&)>& wanted) {
    return any_names().print(config, [&](const KeyInfo& info) {
        if (info.key_class != KeyClass::result || !wanted(info.key)) return false;
        return info.required || any_names().find(info.key)->print(config) != info.default_text;
    });
}

std::vector<std::string> differing_keys(const std::string& text_a, const std::string& text_b) {
    const auto a = flat_values(text_a, "first config");
    const auto b = flat_values(text_b, "second config");
    std::map<std::string, std::string> either = a;
    either.insert(b.begin(), b.end());
    std::vector<std::string> keys;
    for (const auto& [key, value] : either) {
        const auto in_a = a.find(key), in_b = b.find(key);
        if (in_a == a.end() || in_b == b.end() || in_a->second != in_b->second) {
            keys.push_back(key);
        }
    }
    return keys;
}

std::vector<std::string> keys_off_default(const std::string& text, const std::string& source) {
    const auto values = flat_values(text, source);
    auto defaults = flat_values(
        any_names().print(ExperimentConfig{}, [](const KeyInfo&) { return true; }), "the defaults");
    const auto named = values.find("quantization.preset");
    for (const auto& preset : presets()) {
        const std::string name =
            named != values.end() ? named->second : defaults.at("quantization.preset");
        if (preset.name != name) continue;
        for (const auto& [key, value] : flat_values(preset.yaml, "preset " + preset.name)) {
            defaults[key] = value;
        }
    }
    std::vector<std::string> keys;
    for (const auto& [key, value] : values) {
        const auto standard = defaults.find(key);
        if (standard == defaults.end() || standard->second != value) keys.push_back(key);
    }
    return keys;
}

std::string explain_config(const std::string& name, const KnownNames& known, ExplainFormat format) {
    return explain_keys(experiment_schema(known).keys(), name, format);
}

}  // namespace comq
