#include "sweep/sweep_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "config/expand_path.hpp"
#include "config/override.hpp"
#include "config/schema.hpp"
#include "config/shipped_file.hpp"
#include "core/errors.hpp"
#include "core/paths.hpp"
#include "experiment_config/experiment_schema.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

using Spec = SweepSpec;

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

/** Lays `more` over `map`, key by key, with dotted keys. */
void merge(YamlNode& map, const YamlNode& more) {
    map.kind = YamlNode::Kind::map;
    map.position = more.position;
    for (auto& leaf : dotted_keys(more)) {
        const auto found = std::ranges::find(map.entries, leaf.key, &YamlNode::Entry::key);
        if (found == map.entries.end()) {
            map.entries.push_back(std::move(leaf));
        } else {
            *found = std::move(leaf);
        }
    }
}

/** YAML that is understood later, when it is known what its keys mean. */
ValueType<YamlNode> tree(YamlNode::Kind kind, std::string description) {
    ValueType<YamlNode> result;
    result.description = std::move(description);
    result.form = ValueForm::tree;
    result.read = [kind, text = result.description](const YamlNode& node, const std::string& key,
                                                    YamlNode& value, ConfigProblems& problems) {
        if (node.kind == YamlNode::Kind::null) {
            value = node;
        } else if (node.kind != kind) {
            problems.add(node.position, key,
                         fmt::format("expected a {}, not {}", text, node.describe()));
        } else if (kind == YamlNode::Kind::map) {
            merge(value, node);
        } else {
            value = node;
        }
    };
    result.print = [](const YamlNode&) { return std::string("null"); };
    return result;
}

ValueType<std::vector<std::string>> texts(std::string description,
                                          std::function<bool(const std::string&)> allowed) {
    const auto item = text_where(description, std::move(allowed));
    ValueType<std::vector<std::string>> result;
    result.description = "list, each " + description;
    result.form = ValueForm::tree;
    result.read = [item, text = result.description](const YamlNode& node, const std::string& key,
                                                    std::vector<std::string>& value,
                                                    ConfigProblems& problems) {
        if (node.kind != YamlNode::Kind::list) {
            problems.add(node.position, key,
                         fmt::format("expected a {}, not {}", text, node.describe()));
            return;
        }
        std::vector<std::string> read;
        for (const auto& element : node.items) {
            const std::string name = fmt::format("{}[{}]", key, read.size());
            item.read(element, name, read.emplace_back(), problems);
        }
        value = std::move(read);
    };
    result.print = [](const std::vector<std::string>& value) {
        std::string list;
        for (const auto& element : value) {
            list += (list.empty() ? "" : ", ") + print_yaml_text(element);
        }
        return "[" + list + "]";
    };
    return result;
}

bool is_file_name(const std::string& name) {
    constexpr const char* allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    return !name.empty() && name.front() != '.' && name.front() != '-' &&
           name.find_first_not_of(allowed) == std::string::npos;
}

bool is_one_line(const std::string& value) {
    return !value.empty() && value.find('\n') == std::string::npos;
}

Schema<SlurmSettings> slurm_keys() {
    Schema<SlurmSettings> keys;
    const auto word = optional(text_where("a text", is_one_line));
    keys.add({.key = "concurrent", .meaning = "Tasks of the array that run at a time."},
             &SlurmSettings::concurrent, count_or_all<int>());
    keys.add({.key = "cpus",
              .meaning = "Cores and threads of a task; null: 4, or all of the largest node where "
                         "that has fewer."},
             &SlurmSettings::cpus, optional(integer<int>(1, 4096)));
    keys.add({.key = "lead_time",
              .meaning = "How long before its time limit a task is told to finish the layer it "
                         "is at and to requeue itself.",
              .unit = "seconds"},
             &SlurmSettings::lead_time, integer<int>(1, 65'535));
    keys.add({.key = "partition", .meaning = "sbatch --partition."}, &SlurmSettings::partition,
             word);
    keys.add({.key = "account", .meaning = "sbatch --account."}, &SlurmSettings::account, word);
    keys.add({.key = "time", .meaning = "sbatch --time, of a task, like 1:30:00."},
             &SlurmSettings::time, word);
    keys.add({.key = "memory", .meaning = "sbatch --mem, of a task."}, &SlurmSettings::memory,
             word);
    keys.add({.key = "gres", .meaning = "sbatch --gres, like gpu:1."}, &SlurmSettings::gres, word);
    keys.add({.key = "options", .meaning = "Further options of sbatch."}, &SlurmSettings::options,
             texts("an option like --qos=long", [](const std::string& option) {
                 return option.starts_with("-") && is_one_line(option);
             }));
    keys.add({.key = "setup",
              .meaning = "Shell lines a task runs first, like module load or conda activate."},
             &SlurmSettings::setup, texts("a shell command", is_one_line));
    return keys;
}

Schema<LocalSettings> local_keys() {
    Schema<LocalSettings> keys;
    keys.add({.key = "jobs", .meaning = "Points that run at a time on this machine."},
             &LocalSettings::jobs, integer<int>(1, 4096));
    keys.add({.key = "threads",
              .meaning = "Threads of each; all: resources.threads where a point names a number, "
                         "else the cores shared out among the jobs."},
             &LocalSettings::threads, count_or_all<int>());
    return keys;
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
    schema.add_section("local", &Spec::local, local_keys());
    schema.add_section("slurm", &Spec::slurm, slurm_keys());
    return schema;
}

/** Reads the "key=value" of the command line into the sweep. */
class ArgumentReader {
  public:
    ArgumentReader(const Schema<Spec>& schema, SweepSpec& spec, GivenKeys& given,
                   ConfigProblems& problems)
        : schema_(schema),
          experiment_keys_(experiment_schema().keys()),
          spec_(spec),
          given_(given),
          problems_(problems) {}

    void read(const std::string& argument) {
        if (is_sweep_key(argument)) {
            schema_.read(parse_override(argument, schema_.keys(), problems_), spec_, given_,
                         problems_);
        } else if (const auto values = several_values(argument, experiment_keys_)) {
            const std::string key = argument.substr(0, argument.find('='));
            problems_.add(YamlPosition("command line: " + excerpt(argument)), key,
                          fmt::format("one point takes one value; vary the key by grid.{}={}", key,
                                      excerpt(*values)));
        } else if (auto override = parse_override(argument, experiment_keys_, problems_);
                   !override.entries.empty()) {
            spec_.experiment_overrides.push_back(std::move(override));
        }
    }

  private:
    /** Whether the override "a.b=c" is one of the sweep and not of the experiment. */
    bool is_sweep_key(const std::string& argument) const {
        const auto first = argument.substr(0, argument.find_first_of(".="));
        return std::ranges::any_of(schema_.keys(), [&](const KeyInfo& info) {
            return info.key.substr(0, info.key.find('.')) == first;
        });
    }

    const Schema<Spec>& schema_;
    std::vector<KeyInfo> experiment_keys_;
    SweepSpec& spec_;
    GivenKeys& given_;
    ConfigProblems& problems_;
};

/** From the working directory, beside the sweep, or among the files that come with comq. */
fs::path find_config(const fs::path& named, const fs::path& sweep_file) {
    for (const auto& folder : {fs::path(), sweep_file.parent_path(), data_folder()}) {
        if (fs::exists(folder / named)) return folder / named;
    }
    return named;
}

}  // namespace

SweepSpec load_sweep(const fs::path& file, const std::vector<std::string>& arguments) {
    ConfigProblems problems;
    const fs::path found = find_shipped(file);
    const auto document = read_yaml_file(found, problems);
    if (!document) problems.throw_if_any();

    const auto schema = sweep_schema();
    SweepSpec spec;
    spec.file = file.string();
    spec.name = file.stem().string();
    GivenKeys given;
    schema.read(*document, spec, given, problems);
    ArgumentReader reader(schema, spec, given, problems);
    for (const auto& argument : arguments) reader.read(argument);
    if (problems.empty()) schema.require(given, YamlPosition(spec.file, 1, 1), problems);
    spec.config = expand_path(spec.config, "config", given["config"], problems);
    spec.folder = expand_path(spec.folder, "folder", given["folder"], problems);
    if (spec.folder.empty()) spec.folder = fs::path("results") / spec.name;
    spec.folder = fs::absolute(spec.folder).lexically_normal();
    spec.config = find_config(spec.config, found);
    problems.throw_if_any();
    return spec;
}

std::vector<YamlNode::Entry> dotted_keys(const YamlNode& map) {
    std::vector<YamlNode::Entry> leaves;
    add_leaves(map, "", leaves);
    return leaves;
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

}  // namespace comq
