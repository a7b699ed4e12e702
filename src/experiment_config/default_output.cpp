#include "experiment_config/default_output.hpp"

#include <algorithm>

#include "core/hash.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t longest_value = 32;
constexpr std::size_t longest_stem = 190;
constexpr std::size_t hash_digits = 8;

std::string hash_of(const std::string& text) { return sha256_hex(text).substr(0, hash_digits); }

/** The last word of a key, behind its section where an earlier key ends in that word too. */
std::string word_of(const std::string& key, const std::vector<KeyInfo>& keys) {
    const auto last = [](const std::string& name) { return name.substr(name.rfind('.') + 1); };
    const auto first = std::ranges::find_if(
        keys, [&](const KeyInfo& info) { return last(info.key) == last(key); });
    if (first == keys.end() || first->key == key) return last(key);
    std::string word = key;
    std::ranges::replace(word, '.', '_');
    return word;
}

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/** A value in characters that no shell or file system minds; others leave a hash behind. */
std::string plain(const std::string& value, ValueForm form) {
    if (form == ValueForm::tree) return "-" + hash_of(value);
    std::string text = value;
    std::ranges::replace_if(
        text, [](char c) { return !is_plain(c); }, '_');
    if (text == value && text.size() <= longest_value) return text;
    return text.substr(0, longest_value - hash_digits - 1) + "_" + hash_of(value);
}

/** Whether what lies there is a choice: a checkpoint or images. data.root is where one machine has
 *  the same images; others under its name are refused, since they are another run. */
bool leads_to_content(const KeyInfo& info, const ExperimentSchema& schema) {
    return info.affects.has(Effect::location) && schema.find(info.key)->path &&
           info.key != "data.root";
}

fs::path path_of(const LoadedConfig& loaded, const KeyInfo& info, const ExperimentSchema& schema) {
    ExperimentConfig copy = loaded.config;
    return schema.find(info.key)->path(copy);
}

/** The part of one key; empty when nothing changes. */
std::string part_of(const KeyInfo& info, const OverriddenConfig& config,
                    const ExperimentSchema& schema) {
    const auto print = [&](const LoadedConfig& loaded) {
        return schema.find(info.key)->print(loaded.config);
    };
    if (info.affects.numbers()) {
        const bool other_preset = info.key == "quantization.preset" &&
                                  config.preset_of_file != config.with.config.quantization.preset;
        const std::string value = print(config.with);
        if (value == print(config.without) && !other_preset) return "";
        return word_of(info.key, schema.keys()) + plain(value, info.form);
    }
    if (config.overridden.count(info.key) == 0) return "";
    // A list of what lies somewhere.
    if (info.affects.has(Effect::location) && info.form == ValueForm::tree) {
        const std::string value = print(config.with);
        if (value == print(config.without)) return "";
        return word_of(info.key, schema.keys()) + plain(value, info.form);
    }
    if (!leads_to_content(info, schema)) return "";
    const fs::path path = path_of(config.with, info, schema);
    if (path == path_of(config.without, info, schema)) return "";
    return word_of(info.key, schema.keys()) +
           (path.empty() ? "null" : plain(path.stem().string(), info.form));
}

}  // namespace

fs::path default_output(const std::string& stem, const OverriddenConfig& config,
                        const ExperimentSchema& schema) {
    std::string name = stem;
    for (const auto& info : schema.keys()) {
        const std::string part = part_of(info, config, schema);
        if (!part.empty()) name += "-" + part;
    }
    if (name.size() > longest_stem) {
        name = name.substr(0, longest_stem - hash_digits - 1) + "-" + hash_of(name);
    }
    return fs::path("results") / (name + ".h5");
}

}  // namespace comq
