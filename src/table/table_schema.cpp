#include "table/table_schema.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace comq {

namespace {

/** A name that other parts of the table refer to, and a reference to one. */
ValueType<SpecReference> reference() {
    ValueType<SpecReference> result;
    result.description = "an id: letters, digits, '_', '-' and '.'";
    result.read = [description = result.description](const YamlNode& node, const std::string& key,
                                                     SpecReference& value,
                                                     ConfigProblems& problems) {
        const auto allowed = [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' ||
                   c == '.';
        };
        if (node.kind != YamlNode::Kind::scalar || node.scalar.empty() ||
            !std::ranges::all_of(node.scalar, allowed)) {
            problems.add(node.position, key,
                         fmt::format("expected {}, not {}", description, node.describe()));
            return;
        }
        value = {node.scalar, node.position};
    };
    result.print = [](const SpecReference& value) {
        return value.id.empty() ? std::string("null") : value.id;
    };
    return result;
}

/** A list of values of `item`. */
template <typename V>
ValueType<std::vector<V>> sequence_of(const ValueType<V>& item, const std::string& description) {
    ValueType<std::vector<V>> result;
    result.description = description;
    result.read = [item, description](const YamlNode& node, const std::string& key,
                                      std::vector<V>& value, ConfigProblems& problems) {
        if (node.kind != YamlNode::Kind::list) {
            problems.add(node.position, key,
                         fmt::format("expected a {}, not {}", description, node.describe()));
            return;
        }
        value.clear();
        for (const YamlNode& element : node.items) {
            item.read(element, key, value.emplace_back(), problems);
        }
    };
    result.print = [item](const std::vector<V>& value) {
        std::vector<std::string> printed;
        for (const V& element : value) printed.push_back(item.print(element));
        return fmt::format("[{}]", fmt::join(printed, ", "));
    };
    return result;
}

/** A path as the value of an override and in YAML, in quotes only where YAML would misread it. */
std::string override_text(const std::string& path) {
    if (path.empty()) return "null";
    ConfigProblems problems;
    const auto node = parse_yaml(path, "", problems, false);
    return node && problems.empty() && node->scalar == path ? path : print_yaml_text(path);
}

/** Config keys as in an experiment, checked by its schema where they stand. */
ValueType<CellSettings> settings(const KnownNames& known) {
    ValueType<CellSettings> result;
    result.description = "map of config keys, as in an experiment";
    result.read = [schema = experiment_schema(known), description = result.description](
                      const YamlNode& node, const std::string& key, CellSettings& value,
                      ConfigProblems& problems) {
        if (node.kind != YamlNode::Kind::map) {
            problems.add(node.position, key,
                         fmt::format("expected a {}, not {}", description, node.describe()));
            return;
        }
        ExperimentConfig config;
        GivenKeys given;
        schema.read(node, config, given, problems, key + ".");
        for (const auto& [name, position] : given) {
            if (name == "seed") {
                problems.add(position, key + ".seed", "is what the table's 'seeds' are for");
            }
            const auto* declared = schema.find(name);
            // Variables in paths are expanded where the run starts, so they stay as written.
            value.values[name] = declared->path ? override_text(declared->path(config).string())
                                                : declared->print(config);
        }
    };
    result.print = [](const CellSettings& value) {
        std::string map;
        for (const auto& [key, text] : value.values) {
            map += fmt::format("{}{}: {}", map.empty() ? "" : ", ", key, text);
        }
        return fmt::format("{{{}}}", map);
    };
    return result;
}

/** Numbers by column. */
ValueType<std::vector<PublishedValue>> published_values() {
    ValueType<std::vector<PublishedValue>> result;
    result.description = "map of column ids to numbers";
    result.read = [description = result.description](const YamlNode& node, const std::string& key,
                                                     std::vector<PublishedValue>& value,
                                                     ConfigProblems& problems) {
        if (node.kind != YamlNode::Kind::map) {
            problems.add(node.position, key,
                         fmt::format("expected a {}, not {}", description, node.describe()));
            return;
        }
        const auto type = number(-1e9, 1e9);
        for (const auto& entry : node.entries) {
            PublishedValue& read = value.emplace_back();
            read.column = {entry.key, entry.position};
            type.read(entry.value, key + "." + entry.key, read.value, problems);
        }
    };
    result.print = [](const std::vector<PublishedValue>& value) {
        std::string map;
        for (const PublishedValue& entry : value) {
            map += fmt::format("{}{}: {}", map.empty() ? "" : ", ", entry.column.id, entry.value);
        }
        return fmt::format("{{{}}}", map);
    };
    return result;
}

ValueType<std::vector<uint64_t>> seeds() {
    return sequence_of(integer<uint64_t>(0), "list of integers, at least 0");
}

ValueType<Measure> measure_name() {
    std::vector<std::pair<std::string, Measure>> names;
    for (const MeasureInfo& info : measures()) names.emplace_back(info.name, info.measure);
    return choice<Measure>(std::move(names));
}

Schema<MeasuredSetting> setting_keys() {
    Schema<MeasuredSetting> keys;
    keys.add({.key = "evaluation_images",
              .meaning = "Images that the numbers were measured on.",
              .unit = "images"},
             &MeasuredSetting::evaluation_images, optional(integer<int64_t>(1)));
    keys.add({.key = "full_precision",
              .meaning = "Top-1 of the checkpoint, which tells checkpoints of one name apart; "
                         "null: the published number of the row 'full_precision', if any.",
              .unit = "percent"},
             &MeasuredSetting::full_precision, optional(number(0, 100)));
    keys.add({.key = "layers",
              .meaning = "Which layers are quantized: those comq quantizes by default or not."},
             &MeasuredSetting::layers,
             optional(choice<LayerScope>({{"default", LayerScope::default_layers},
                                          {"other", LayerScope::other},
                                          {"unknown", LayerScope::unknown}})));
    keys.add({.key = "uses_labels", .meaning = "Whether labels of training images were used."},
             &MeasuredSetting::uses_labels,
             optional(choice<LabelUse>(
                 {{"no", LabelUse::no}, {"yes", LabelUse::yes}, {"unknown", LabelUse::unknown}})));
    keys.add({.key = "differs",
              .meaning = "Other reasons why the numbers are not comparable, in words."},
             &MeasuredSetting::differs, sequence_of(text(), "list of texts"));
    return keys;
}

Schema<ColumnSpec> column_schema(const KnownNames& known) {
    Schema<ColumnSpec> schema;
    schema.add({.key = "id", .meaning = "Name within the table.", .required = true},
               &ColumnSpec::id, reference());
    schema.add({.key = "label", .meaning = "Its heading.", .required = true}, &ColumnSpec::label,
               text());
    schema.add({.key = "config", .meaning = "In place of the table's config."}, &ColumnSpec::config,
               path());
    schema.add({.key = "measure", .meaning = "In place of the table's measure."},
               &ColumnSpec::measure, optional(measure_name()));
    schema.add({.key = "measured", .meaning = "false: it only has published numbers."},
               &ColumnSpec::measured, boolean());
    schema.add({.key = "set", .meaning = "Config keys of its runs."}, &ColumnSpec::set,
               settings(known));
    return schema;
}

Schema<RowGroupSpec> group_schema(const KnownNames& known) {
    Schema<RowGroupSpec> schema;
    schema.add({.key = "id", .meaning = "Name within the table.", .required = true},
               &RowGroupSpec::id, reference());
    schema.add({.key = "label", .meaning = "Title above its rows.", .required = true},
               &RowGroupSpec::label, text());
    schema.add({.key = "measure", .meaning = "In place of the columns' measure."},
               &RowGroupSpec::measure, optional(measure_name()));
    schema.add({.key = "set", .meaning = "Config keys of its runs."}, &RowGroupSpec::set,
               settings(known));
    return schema;
}

Schema<RowSpec> row_schema(const KnownNames& known) {
    Schema<RowSpec> schema;
    schema.add({.key = "id", .meaning = "Name within the table.", .required = true}, &RowSpec::id,
               reference());
    schema.add({.key = "label", .meaning = "Its heading.", .required = true}, &RowSpec::label,
               text());
    schema.add({.key = "measure", .meaning = "In place of the block's measure."}, &RowSpec::measure,
               optional(measure_name()));
    schema.add({.key = "groups",
                .meaning = "Groups that have this row; null: all; []: none, it stands above."},
               &RowSpec::groups, optional(sequence_of(reference(), "list of group ids")));
    schema.add({.key = "seeds",
                .meaning = "In place of the table's seeds, for what does not depend on them."},
               &RowSpec::seeds, optional(seeds()));
    schema.add({.key = "set", .meaning = "Config keys of its runs; without: published only."},
               &RowSpec::set, settings(known));
    return schema;
}

Schema<SourceSpec> source_schema() {
    Schema<SourceSpec> schema;
    schema.add({.key = "id", .meaning = "Name within the table.", .required = true},
               &SourceSpec::id, reference());
    schema.add({.key = "citation", .meaning = "Where the numbers stand.", .required = true},
               &SourceSpec::citation, text());
    schema.add_section("setting", &SourceSpec::setting, setting_keys());
    return schema;
}

Schema<PublishedSpec> published_schema() {
    Schema<PublishedSpec> schema;
    schema.add({.key = "row", .meaning = "Id of the row.", .required = true}, &PublishedSpec::row,
               reference());
    schema.add({.key = "group", .meaning = "Id of the group."}, &PublishedSpec::group, reference());
    schema.add({.key = "source", .meaning = "Id of the source.", .required = true},
               &PublishedSpec::source, reference());
    schema.add({.key = "values", .meaning = "Number of each column.", .required = true},
               &PublishedSpec::values, published_values());
    schema.add_section("setting", &PublishedSpec::setting, setting_keys());
    return schema;
}

}  // namespace

Schema<TableSpec> table_schema(const KnownNames& known) {
    Schema<TableSpec> schema;
    schema.add({.key = "title", .meaning = "Title.", .required = true}, &TableSpec::title, text());
    schema.add({.key = "caption", .meaning = "What the numbers are."}, &TableSpec::caption, text());
    schema.add({.key = "measure", .meaning = "What a cell shows of its runs."}, &TableSpec::measure,
               measure_name());
    schema.add({.key = "config",
                .meaning = "Experiment whose keys the cells change, like configs/vit_b_4bit.yaml."},
               &TableSpec::config, path());
    schema.add({.key = "seeds", .meaning = "Seeds that fill a cell."}, &TableSpec::seeds, seeds());
    schema.add({.key = "set", .meaning = "Config keys of all runs."}, &TableSpec::set,
               settings(known));
    schema.add_section("setting", &TableSpec::setting, setting_keys());
    schema.add({.key = "columns", .meaning = "Columns, from the left.", .required = true},
               &TableSpec::columns,
               list_of<ColumnSpec>(column_schema(known),
                                   "list of {id, label, config, measure, measured, set}"));
    schema.add({.key = "groups", .meaning = "Blocks that repeat the rows."}, &TableSpec::groups,
               list_of<RowGroupSpec>(group_schema(known), "list of {id, label, measure, set}"));
    schema.add(
        {.key = "rows", .meaning = "Rows, from the top.", .required = true}, &TableSpec::rows,
        list_of<RowSpec>(row_schema(known), "list of {id, label, measure, groups, seeds, set}"));
    schema.add({.key = "sources", .meaning = "Where published numbers are from."},
               &TableSpec::sources,
               list_of<SourceSpec>(source_schema(), "list of {id, citation, setting}"));
    schema.add({.key = "published", .meaning = "Published numbers."}, &TableSpec::published,
               list_of<PublishedSpec>(published_schema(),
                                      "list of {row, group, source, values, setting}"));
    return schema;
}

}  // namespace comq
