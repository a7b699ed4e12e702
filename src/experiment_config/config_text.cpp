#include "experiment_config/config_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/errors.hpp"
#include "experiment_config/method_reads.hpp"

namespace comq {

namespace {

const ExperimentSchema& any_names() {
    static const auto schema = experiment_schema();
    return schema;
}

std::string flow_text(const YamlNode& node) {
    std::vector<std::string> parts;
    for (const auto& item : node.items) parts.push_back(flow_text(item));
    for (const auto& entry : node.entries) {
        parts.push_back(fmt::format("{}: {}", entry.key, flow_text(entry.value)));
    }
    switch (node.kind) {
        case YamlNode::Kind::null:
            return "null";
        case YamlNode::Kind::scalar:
            return print_yaml_text(node.scalar);
        case YamlNode::Kind::list:
            return fmt::format("[{}]", fmt::join(parts, ", "));
        case YamlNode::Kind::map:
            return fmt::format("{{{}}}", fmt::join(parts, ", "));
    }
    return "";
}

void flatten(const YamlNode& map, const std::string& prefix, ConfigValues& values) {
    for (const auto& [key, position, value] : map.entries) {
        if (value.kind == YamlNode::Kind::map) {
            flatten(value, prefix + key + ".", values);
        } else {
            values[prefix + key] =
                value.kind == YamlNode::Kind::scalar ? value.scalar : flow_text(value);
        }
    }
}

}  // namespace

std::string resolved_text(const ExperimentConfig& config) {
    return any_names().print(config,
                             [&](const KeyInfo& info) { return is_read(info.key, config); });
}

std::string annotated_text(const LoadedConfig& loaded) {
    return any_names().print(
        loaded.config, [&](const KeyInfo& info) { return is_read(info.key, loaded.config); },
        [&](const KeyInfo& info) { return loaded.origin(info.key); });
}

std::string identity_text(const ExperimentConfig& config) {
    return identity_text(
        config, [](const KeyInfo&) { return true; }, any_names());
}

std::string identity_text(const ExperimentConfig& config,
                          const std::function<bool(const KeyInfo&)>& wanted,
                          const ExperimentSchema& schema) {
    return schema.print(config, [&](const KeyInfo& info) {
        if (!info.affects.numbers() || !is_read(info.key, config) || !wanted(info)) return false;
        return info.required || schema.find(info.key)->print(config) != info.default_text;
    });
}

ConfigValues resolved_values(const ExperimentConfig& config) {
    return config_values(resolved_text(config), "the resolved config");
}

ConfigValues config_values(const std::string& text, const std::string& source) {
    ConfigProblems problems;
    const auto document = parse_yaml(text, source, problems);
    if (!problems.empty()) throw InputError("{}", problems.lines().front());
    if (document->kind != YamlNode::Kind::map) {
        throw InputError("{}: the stored config is no map of keys", source);
    }
    ConfigValues values;
    flatten(*document, "", values);
    return values;
}

std::vector<std::string> differing_keys(const std::string& text_a, const std::string& text_b) {
    const auto a = config_values(text_a, "first config");
    const auto b = config_values(text_b, "second config");
    ConfigValues either = a;
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
    const auto values = config_values(text, source);
    auto defaults = config_values(
        any_names().print(ExperimentConfig{}, [](const KeyInfo&) { return true; }), "the defaults");
    const auto named = values.find("quantization.preset");
    for (const auto& preset : presets()) {
        const std::string name =
            named != values.end() ? named->second : defaults.at("quantization.preset");
        if (preset.name != name) continue;
        for (const auto& [key, value] : config_values(preset.yaml, "preset " + preset.name)) {
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
