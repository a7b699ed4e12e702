#include "experiment_config/paths_elsewhere.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "config/expand_path.hpp"
#include "core/text.hpp"
#include "experiment_config/config_text.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

bool is_relative(const std::string& text) {
    return !text.empty() && text.front() != '/' && text.front() != '~';
}

std::string from_here(const std::string& text) {
    return (fs::current_path() / text).lexically_normal().string();
}

/** A path that starts at the working directory, as any directory can read it. */
fs::path anywhere(const fs::path& path) {
    const std::string text = path.string();
    if (!text.starts_with("${")) return is_relative(text) ? from_here(text) : text;
    const auto end = text.find('}');
    if (end == std::string::npos) return path;
    const std::string inside = text.substr(2, end - 2);
    const auto dash = inside.find(":-");
    const std::string name = inside.substr(0, dash);
    const char* value = std::getenv(name.c_str());
    // A relative value means what it means here.
    if (value != nullptr && is_relative(value)) return from_here(value + text.substr(end + 1));
    if (dash == std::string::npos || !is_relative(inside.substr(dash + 2))) return path;
    return "${" + name + ":-" + from_here(inside.substr(dash + 2)) + text.substr(end);
}

/** The "${…}" of a path. */
void note_references(const fs::path& path, std::set<std::string>& references) {
    const std::string text = path.string();
    for (auto begin = text.find("${"); begin != std::string::npos;
         begin = text.find("${", begin + 1)) {
        const auto end = text.find('}', begin);
        if (end != std::string::npos) references.insert(text.substr(begin, end + 1 - begin));
    }
}

constexpr std::array in_data{"data.calibration", "data.evaluation",         "data.synsets",
                             "data.labels",      "data.calibration_labels", "data.classes"};

bool is_in_data(const std::string& key) { return std::ranges::find(in_data, key) != in_data.end(); }

}  // namespace

void keep_variables(const ExperimentSchema& schema, LoadedConfig& loaded) {
    ElsewherePaths paths{.config = loaded.config, .keys = {}};
    const bool in_root =
        loaded.given.contains("data.root") && names_variable(loaded.config.data.root);
    for (const auto& info : schema.keys()) {
        const auto& path_of = schema.find(info.key)->path;
        if (!path_of || !loaded.given.contains(info.key)) continue;
        fs::path& path = path_of(paths.config);
        const bool names = names_variable(path);
        if (!names && !(in_root && is_in_data(info.key) && is_relative(path.string()))) continue;
        if (!is_in_data(info.key)) path = anywhere(path);
        paths.keys.insert(info.key);
    }
    for (EvaluationSet& set : paths.config.evaluation.sets) {
        DataConfig& data = set.data;
        if (data.root.empty() ? in_root : names_variable(data.root)) {
            paths.keys.insert("evaluation.sets");
        }
        for (const fs::path* path :
             {&data.root, &data.evaluation, &data.synsets, &data.labels, &data.classes}) {
            if (names_variable(*path)) paths.keys.insert("evaluation.sets");
        }
        if (!data.root.empty()) data.root = anywhere(data.root);
    }
    if (!paths.keys.empty()) loaded.elsewhere = std::move(paths);
}

bool resolved_elsewhere(const LoadedConfig& loaded, const std::string& key) {
    return loaded.elsewhere && loaded.elsewhere->keys.contains(key);
}

std::string text_elsewhere(const LoadedConfig& loaded) {
    if (!loaded.elsewhere) return resolved_text(loaded.config);
    ExperimentConfig config = loaded.config;
    ExperimentConfig unexpanded = loaded.elsewhere->config;
    std::set<std::string> references;
    for (const std::string& key : loaded.elsewhere->keys) {
        if (key == "evaluation.sets") {
            config.evaluation.sets = unexpanded.evaluation.sets;
            for (const EvaluationSet& set : unexpanded.evaluation.sets) {
                const DataConfig& data = set.data;
                for (const fs::path* path :
                     {&data.root, &data.evaluation, &data.synsets, &data.labels, &data.classes}) {
                    note_references(*path, references);
                }
            }
            continue;
        }
        const auto& path_of = experiment_schema().find(key)->path;
        path_of(config) = replace_each(path_of(unexpanded).string(), {{"$$", "$"}});
        note_references(path_of(unexpanded), references);
    }
    // Printed as text that is expanded already, with each $ doubled.
    std::string text = resolved_text(config);
    for (const std::string& reference : references) {
        text = replace_each(text, {{"$" + reference, reference}});
    }
    return text;
}

}  // namespace comq
