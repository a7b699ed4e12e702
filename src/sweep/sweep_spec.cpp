#include "sweep/sweep_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "config/expand_path.hpp"
#include "config/override.hpp"
#include "config/schema.hpp"
#include "core/paths.hpp"
#include "experiment_config/experiment_schema.hpp"
#include "points/expand.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

using Spec = SweepSpec;

bool is_file_name(const std::string& name) {
    constexpr const char* allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    return !name.empty() && name.front() != '.' && name.front() != '-' &&
           name.find_first_not_of(allowed) == std::string::npos;
}

Schema<Spec> sweep_schema() {
    Schema<Spec> schema;
    schema.add({.key = "name", .meaning = "Name of the sweep; null: that of its file."},
               &Spec::name,
               or_null(text_where("letters, digits and _-.",
                                  [](const std::string& name) { return is_file_name(name); })));
    schema.add({.key = "config",
                .meaning = "Experiment that every point starts from: a path from the working "
                           "directory, from the sweep's file, or of a config that comes with comq.",
                .required = true},
               &Spec::config, path());
    schema.add({.key = "folder", .meaning = "Where results land; null: results/NAME."},
               &Spec::folder, path());
    schema.add({.key = "overrides", .meaning = "Keys of the experiment that all points share."},
               &Spec::overrides, tree(YamlNode::Kind::map, "map of keys"));
    schema.add({.key = "grid", .meaning = "Keys with a list of values each: every combination."},
               &Spec::grid, tree(YamlNode::Kind::map, "map of keys to lists"));
    schema.add({.key = "zip",
                .meaning = "Keys with a list of values each, all of one length: the first values "
                           "together, the second ones, and so on."},
               &Spec::zip, tree(YamlNode::Kind::map, "map of keys to lists"));
    schema.add({.key = "points",
                .meaning = "Variants, each a map of keys. With several of points, zip and grid, "
                           "each combination of theirs is a point."},
               &Spec::points, tree(YamlNode::Kind::list, "list of maps of keys"));
    add_launch_keys(schema);
    return schema;
}

/** Reads each "key=value" of the command line into the sweep, or keeps it for the experiment. */
void read_arguments(const std::vector<std::string>& arguments, const Schema<Spec>& schema,
                    SweepSpec& spec, GivenKeys& given, ConfigProblems& problems) {
    const auto& experiment_keys = experiment_schema().keys();
    for (const std::string& argument : arguments) {
        const auto first = argument.substr(0, argument.find_first_of(".="));
        const bool of_sweep = std::ranges::any_of(schema.keys(), [&](const KeyInfo& info) {
            return info.key.substr(0, info.key.find('.')) == first;
        });
        if (of_sweep) {
            schema.read(parse_override(argument, schema.keys(), problems), spec, given, problems);
        } else if (const auto values = several_values(argument, experiment_keys)) {
            const std::string key = argument.substr(0, argument.find('='));
            problems.add(YamlPosition("command line: " + excerpt(argument)), key,
                         fmt::format("one point takes one value; vary the key by grid.{}={}", key,
                                     excerpt(*values)));
        } else if (auto override = parse_override(argument, experiment_keys, problems);
                   !override.entries.empty()) {
            spec.experiment_overrides.push_back(std::move(override));
        }
    }
}

/** From the working directory, beside the sweep, or among the files that come with comq. */
fs::path find_config(const fs::path& named, const fs::path& sweep_file) {
    std::error_code error;  // of a name that no file can have
    for (const auto& folder : {fs::path(), sweep_file.parent_path(), data_folder()}) {
        if (fs::exists(folder / named, error)) return folder / named;
    }
    return named;
}

constexpr std::size_t most_points = 100'000;

/**
 * Reads what all points of a sweep share, and an axis for its `points`, for its `zip` and for each
 * key of its `grid`.
 */
class VariationReader {
  public:
    VariationReader(const SweepSpec& spec, const KnownNames& known_names)
        : spec_(spec), schema_(experiment_schema(known_names)) {}

    Variation read() {
        read_shared();
        add_points();
        add_zip();
        add_grid();
        check_varied();
        problems_.throw_if_any();
        return std::move(variation_);
    }

  private:
    bool known(const Setting& setting) {
        if (setting.key == "output.file") {
            problems_.add(setting.position, setting.key,
                          "a sweep names the files of its points itself; set 'folder'");
            return false;
        }
        if (schema_.find(setting.key) != nullptr) return true;
        // On the command line a key of the sweep may have been meant.
        auto candidates = schema_.keys();
        std::ranges::copy(sweep_keys(), std::back_inserter(candidates));
        problems_.add(setting.position, setting.key, unknown_key_message(setting.key, candidates));
        return false;
    }

    void read_shared() {
        std::vector<Setting> settings = dotted_keys(spec_.overrides);
        for (const auto& document : spec_.experiment_overrides) {
            for (auto& setting : dotted_keys(document)) settings.push_back(std::move(setting));
        }
        for (auto& setting : settings) {
            if (!known(setting)) continue;
            fixed_[setting.key] = setting.position;
            variation_.shared.push_back(std::move(setting));
        }
    }

    /** The values of an axis; a problem and none when there is no list of them. */
    const std::vector<YamlNode>& values_of(const Setting& setting) {
        static const std::vector<YamlNode> none;
        if (!known(setting)) return none;
        const YamlNode& list = setting.value;
        const bool is_list = list.kind == YamlNode::Kind::list;
        if (is_list && !list.items.empty()) return list.items;
        problems_.add(list.position, setting.key,
                      fmt::format("expected a list of values, not {}",
                                  is_list ? "an empty one" : list.describe()));
        return none;
    }

    void add_points() {
        Axis axis;
        for (const auto& item : spec_.points.items) {
            if (item.kind != YamlNode::Kind::map) {
                problems_.add(item.position, "points",
                              fmt::format("expected a map of keys, not {}", item.describe()));
                continue;
            }
            Choice choice = dotted_keys(item);
            std::erase_if(choice, [&](const Setting& setting) { return !known(setting); });
            axis.push_back(std::move(choice));
        }
        if (!axis.empty()) variation_.axes.push_back(std::move(axis));
    }

    void add_zip() {
        Axis axis;
        const Setting* first = nullptr;
        const auto settings = dotted_keys(spec_.zip);
        for (const auto& setting : settings) {
            const auto& values = values_of(setting);
            if (values.empty()) continue;
            if (first == nullptr) {
                first = &setting;
                axis.resize(values.size());
            }
            if (values.size() != axis.size()) {
                problems_.add(setting.position, setting.key,
                              fmt::format("has {} values, but {} has {}; lists of a zip are of "
                                          "one length",
                                          values.size(), first->key, axis.size()));
                continue;
            }
            for (std::size_t i = 0; i < values.size(); ++i) {
                axis[i].push_back({setting.key, setting.position, values[i]});
            }
        }
        if (!axis.empty()) variation_.axes.push_back(std::move(axis));
    }

    void add_grid() {
        for (const auto& setting : dotted_keys(spec_.grid)) {
            Axis axis;
            for (const auto& value : values_of(setting)) {
                axis.push_back({{setting.key, setting.position, value}});
            }
            if (!axis.empty()) variation_.axes.push_back(std::move(axis));
        }
    }

    /** Each key is varied in one place and fixed in none. */
    void check_varied() {
        std::map<std::string, YamlPosition> varied;
        std::size_t count = 1;
        for (const auto& axis : variation_.axes) {
            count = std::min(count * axis.size(), most_points + 1);
            std::map<std::string, YamlPosition> keys;
            for (const auto& choice : axis) {
                for (const auto& setting : choice) keys.emplace(setting.key, setting.position);
            }
            for (const auto& [key, position] : keys) {
                const auto [other, is_new] = varied.emplace(key, position);
                if (!is_new) {
                    problems_.add(position, key,
                                  "is varied at " + other->second.text() + " too; name it once");
                } else if (const auto found = fixed_.find(key); found != fixed_.end()) {
                    problems_.add(found->second, key,
                                  fmt::format("is varied by the sweep ({}); change its values "
                                              "there, or with grid.{}=[...]",
                                              position.text(), key));
                }
            }
        }
        const YamlPosition whole(spec_.file, 1, 1);
        if (count > most_points) {
            problems_.add(whole, fmt::format("more than {} points", most_points));
        }
        if (variation_.axes.empty() && problems_.empty()) {
            problems_.add(whole, "varies nothing; give 'grid', 'zip' or 'points'");
        }
    }

    const SweepSpec& spec_;
    const ExperimentSchema& schema_;
    ConfigProblems problems_;
    Variation variation_;
    std::map<std::string, YamlPosition> fixed_;
};

}  // namespace

SweepSpec load_sweep(const fs::path& file, const std::vector<std::string>& arguments) {
    ConfigProblems problems;
    const fs::path found = find_shipped(file);
    const auto document = read_yaml_file(found, problems);
    if (!document) problems.throw_if_any();

    const auto schema = sweep_schema();
    SweepSpec spec;
    static_cast<LaunchSettings&>(spec) = site_settings(problems);
    spec.file = file.string();
    spec.name = file.stem().string();
    GivenKeys given;
    schema.read(*document, spec, given, problems);
    read_arguments(arguments, schema, spec, given, problems);
    if (problems.empty()) schema.require(given, YamlPosition(spec.file, 1, 1), problems);
    spec.config = expand_path(spec.config, "config", given["config"], problems);
    spec.folder = expand_path(spec.folder, "folder", given["folder"], problems);
    if (spec.folder.empty()) spec.folder = fs::path("results") / spec.name;
    spec.folder = fs::absolute(spec.folder).lexically_normal();
    spec.config = find_config(spec.config, found);
    problems.throw_if_any();
    return spec;
}

std::vector<KeyInfo> sweep_keys() { return sweep_schema().keys(); }

std::vector<KeyInfo> sweep_arguments(const KnownNames& known) {
    std::vector<KeyInfo> keys = experiment_schema(known).keys();
    const auto varied = keys;
    std::ranges::copy(sweep_keys(), std::back_inserter(keys));
    for (KeyInfo info : varied) {
        info.key = "grid." + info.key;
        info.form = ValueForm::tree;
        info.choices.clear();
        keys.push_back(std::move(info));
    }
    return keys;
}

PointSet open_sweep(const std::filesystem::path& file, const std::vector<std::string>& arguments,
                    const KnownNames& known, UnsetVariable unset) {
    const SweepSpec spec = load_sweep(file, arguments);
    return expand(
        {spec.name, spec.config, spec.folder, spec.local, spec.slurm, spec.restart_elsewhere},
        VariationReader(spec, known).read(), {known, {data_folder() / "configs"}, unset});
}

}  // namespace comq
