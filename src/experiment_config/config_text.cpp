#include "experiment_config/config_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <utility>

#include "experiment_config/method_reads.hpp"

namespace comq {

namespace {

std::vector<std::string> names_of(const std::vector<DifferingKey>& keys) {
    std::vector<std::string> names;
    for (const DifferingKey& differing : keys) names.push_back(differing.key);
    return names;
}

}  // namespace

std::string resolved_text(const ExperimentConfig& config) {
    return experiment_schema().print(
        config, [&](const KeyInfo& info) { return is_read(info.key, config); });
}

std::string annotated_text(const LoadedConfig& loaded) {
    return experiment_schema().print(
        loaded.config, [&](const KeyInfo& info) { return is_read(info.key, loaded.config); },
        [&](const KeyInfo& info) { return loaded.origin(info.key); });
}

nlohmann::ordered_json resolved_json(const ExperimentConfig& config) {
    return json_of_yaml(resolved_text(config), "the resolved config");
}

nlohmann::ordered_json annotated_json(const LoadedConfig& loaded) {
    const ExperimentSchema& schema = experiment_schema();
    auto keys = nlohmann::ordered_json::array();
    for (const auto& info : schema.keys()) {
        if (!is_read(info.key, loaded.config)) continue;
        const auto value = schema.find(info.key)->print(loaded.config);
        keys.push_back({{"key", info.key},
                        {"value", json_of_yaml(value, info.key)},
                        {"origin", loaded.origin(info.key)}});
    }
    return keys;
}

std::string identity_text(const ExperimentConfig& config) {
    return identity_text(
        config, [](const KeyInfo&) { return true; }, experiment_schema());
}

std::string identity_text(const ExperimentConfig& config,
                          const std::function<bool(const KeyInfo&)>& wanted,
                          const ExperimentSchema& schema) {
    return schema.print(config, [&](const KeyInfo& info) {
        if (!info.affects.numbers() || !is_read(info.key, config) || !wanted(info)) return false;
        return info.required || schema.find(info.key)->print(config) != info.unsaid();
    });
}

ConfigValues resolved_values(const ExperimentConfig& config) {
    const ExperimentSchema& schema = experiment_schema();
    ConfigValues values;
    for (const KeyInfo& info : schema.keys()) {
        if (!is_read(info.key, config)) continue;
        std::string text = schema.find(info.key)->print(config);
        // The parser is slow: thousands of result files would wait for it.
        const bool plain = text.find_first_of("\"'[{") == std::string::npos;
        if (plain) {
            values[info.key] = std::move(text);
        } else {
            values.merge(config_values(fmt::format("{}: {}", info.key, text), info.key));
        }
    }
    return values;
}

std::vector<std::string> differing_keys(const std::string& text_a, const std::string& text_b) {
    const ConfigValues first = config_values(text_a, "first config");
    return names_of(differing_values(first, config_values(text_b, "second config")));
}

std::vector<std::string> keys_off_default(const std::string& text, const std::string& source) {
    const ConfigValues values = config_values(text, source);
    ConfigValues standard = config_values(
        experiment_schema().print(ExperimentConfig{}, [](const KeyInfo&) { return true; }),
        "the defaults");
    const auto named = values.find("quantization.preset");
    const std::string name =
        named != values.end() ? named->second : standard.at("quantization.preset");
    for (const auto& preset : presets()) {
        if (preset.name != name) continue;
        for (const auto& [key, value] : preset.values) standard[key] = value;
    }
    std::erase_if(standard, [&](const auto& item) { return !values.contains(item.first); });
    return names_of(differing_values(values, standard));
}

}  // namespace comq
