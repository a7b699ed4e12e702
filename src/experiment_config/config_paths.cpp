#include "experiment_config/config_paths.hpp"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <system_error>
#include <utility>

#include "config/expand_path.hpp"
#include "core/errors.hpp"
#include "data/class_subset.hpp"
#include "data/layouts.hpp"
#include "data/shard_pattern.hpp"
#include "data/synsets.hpp"
#include "experiment_config/paths_elsewhere.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

fs::path normal_absolute(const fs::path& path, UnsetVariable unset) {
    const bool left_to_others = unset == UnsetVariable::known_elsewhere && names_variable(path);
    if (path.empty() || left_to_others) return path;
    fs::path normal = fs::absolute(path).lexically_normal();
    return normal.has_filename() ? normal : normal.parent_path();
}

/** Two keys take a word in place of a file. */
bool is_word(const fs::path& path, const DataConfig& data) {
    return (&path == &data.synsets && path == builtin_synsets) ||
           (&path == &data.classes && path == present_classes);
}

YamlPosition position_of(const LoadedConfig& loaded, const std::string& key) {
    const auto found = loaded.given.find(key);
    return found == loaded.given.end() ? YamlPosition("default") : found->second;
}

/** The paths of a set, by the names of their keys. */
template <typename Data>
auto paths_of_set(Data& data) {
    return std::array{std::pair{"root", &data.root}, std::pair{"evaluation", &data.evaluation},
                      std::pair{"synsets", &data.synsets}, std::pair{"labels", &data.labels},
                      std::pair{"classes", &data.classes}};
}

constexpr const char* sets_key = "evaluation.sets";

std::string key_of_set(std::size_t set, const std::string& name) {
    return fmt::format("{}[{}].data.{}", sets_key, set, name);
}

/** Expands a path; one that another machine can expand stays as it is given. */
fs::path expanded(const fs::path& path, const std::string& key, const YamlPosition& position,
                  UnsetVariable unset, ConfigProblems& problems) {
    ConfigProblems found;
    const fs::path result = expand_path(path, key, position, found);
    if (found.empty()) return result;
    if (unset == UnsetVariable::known_elsewhere && names_variable(path)) return path;
    problems.add(found);
    return result;
}

/** A set that gives no root has its paths where those of the run start. */
void resolve_sets(LoadedConfig& loaded, UnsetVariable unset, ConfigProblems& problems) {
    auto& sets = loaded.config.evaluation.sets;
    for (std::size_t i = 0; i < sets.size(); ++i) {
        DataConfig& data = sets[i].data;
        for (const auto& [name, path] : paths_of_set(data)) {
            *path = expanded(*path, key_of_set(i, name), position_of(loaded, sets_key), unset,
                             problems);
        }
        if (data.embedded()) continue;
        data.root = data.root.empty() ? loaded.config.data.root : normal_absolute(data.root, unset);
        for (const auto& [name, path] : paths_of_set(data)) {
            if (path == &data.root || path->empty() || is_word(*path, data)) continue;
            *path = normal_absolute(data.root / *path, unset);
        }
    }
}

bool lies_in(const fs::path& path, const fs::path& folder) {
    const fs::path relative = path.lexically_relative(folder);
    return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

void resolve_paths(const ExperimentSchema& schema, LoadedConfig& loaded, ConfigProblems& problems,
                   UnsetVariable unset) {
    ExperimentConfig& config = loaded.config;
    for (const auto& info : schema.keys()) {
        const auto& path_of = schema.find(info.key)->path;
        if (!path_of) continue;
        fs::path& path = path_of(config);
        // What a default contains is not the user's to escape.
        if (loaded.given.count(info.key) != 0) {
            path = expanded(path, info.key, position_of(loaded, info.key), unset, problems);
        }
    }
    DataConfig& data = config.data;
    data.root = normal_absolute(data.root, unset);
    for (fs::path* path : {&data.calibration, &data.evaluation, &data.synsets, &data.labels,
                           &data.calibration_labels, &data.classes}) {
        const bool word = is_word(*path, data);
        if (!path->empty() && !word) *path = normal_absolute(data.root / *path, unset);
    }
    resolve_sets(loaded, unset, problems);
    for (fs::path* path : {&config.model.program, &config.model.weights, &config.resources.cache,
                           &config.output.file}) {
        *path = normal_absolute(*path, unset);
    }
}

namespace {

using Wanted = std::function<bool(const std::string& key)>;

void check_wanted_paths(const LoadedConfig& loaded, const Wanted& wanted) {
    const ExperimentConfig& config = loaded.config;
    ConfigProblems problems;
    bool root_missing = false;
    const auto need = [&](const std::string& key, const fs::path& path, const std::string& remedy) {
        std::error_code error;
        if (!wanted(key) || path.empty() || fs::exists(path, error)) return;
        // One line is enough for a folder and all that should be in it.
        if (root_missing && path != config.data.root && lies_in(path, config.data.root)) return;
        if (key == "data.root") root_missing = true;
        problems.add(position_of(loaded, key), key,
                     fmt::format("there is no {}; {}", path.string(), remedy));
    };
    need("model.program", config.model.program,
         "scripts/export_network.py writes one, of timm's or torchvision's networks or your "
         "own");
    need("model.weights", config.model.weights,
         fmt::format("scripts/fetch_weights.sh {} downloads the checkpoint, model.weights=FILE "
                     "names another",
                     config.model.name));
    if (!config.data.embedded()) {
        const std::string remedy =
            "data.root=FOLDER names where your images are (datasets/README.md shows the layout)";
        need("data.root", config.data.root, remedy);
        // A pattern is expanded, and its missing files named, when it is opened.
        const auto need_images = [&](const std::string& key, const fs::path& path,
                                     const std::string& what) {
            if (find_layout(config.data.layout).patterns && is_shard_pattern(path)) return;
            need(key, path, fmt::format("{}, {}=PATH the {} images", remedy, key, what));
        };
        need_images("data.evaluation", config.data.evaluation, "evaluation");
        if (config.reads_calibration_images()) {
            need_images("data.calibration", config.data.calibration, "calibration");
        }
        const auto need_list = [&](const std::string& key, const fs::path& path,
                                   const std::string& remedy_of_list) {
            if (!is_word(path, config.data)) need(key, path, remedy_of_list);
        };
        need_list("data.synsets", config.data.synsets,
                  "data.synsets=FILE names a list of the sorted class names, imagenet the 1,000 of "
                  "ILSVRC-2012; data.synsets=null sorts the folders' names");
        need_list("data.labels", config.data.labels,
                  "data.labels=FILE names the ground truth of the evaluation images");
        need_list("data.calibration_labels", config.data.calibration_labels,
                  "data.calibration_labels=FILE names the ground truth of the calibration images");
        need_list("data.classes", config.data.classes,
                  "data.classes=FILE lists the classes to evaluate, present means those with "
                  "images, null all");
    }
    for (std::size_t i = 0; i < config.evaluation.sets.size() && wanted(sets_key); ++i) {
        const auto& [set, data, images] = config.evaluation.sets[i];
        for (const auto& [name, path] : paths_of_set(data)) {
            const bool pattern = find_layout(data.layout).patterns && is_shard_pattern(*path);
            std::error_code error;
            if (path->empty() || pattern || is_word(*path, data) || fs::exists(*path, error)) {
                continue;
            }
            problems.add(position_of(loaded, sets_key), key_of_set(i, name),
                         fmt::format("there is no {}; correct it, or take out the set {}",
                                     path->string(), set));
            break;
        }
    }
    if (problems.empty()) return;
    std::string message;
    for (const auto& line : problems.lines()) message += line + "\n";
    throw UsageError(
        "{}without them, scripts/run_demo.sh runs the whole job at once, on images and "
        "networks of its own",
        message);
}

}  // namespace

void check_paths(const LoadedConfig& loaded) {
    check_wanted_paths(loaded, [](const std::string&) { return true; });
}

void check_paths_elsewhere(const LoadedConfig& loaded) {
    check_wanted_paths(loaded,
                       [&](const std::string& key) { return !resolved_elsewhere(loaded, key); });
}

}  // namespace comq
