#include "table/table_schema.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "points/settings.hpp"

namespace comq {

namespace {

/** A name that other parts of the table refer to, and a reference to one. */
ValueType<SpecReference> reference() {
    return scalar_value<SpecReference>(
        "an id: letters, digits, '_', '-' and '.'",
        [](const YamlNode& node) -> std::optional<SpecReference> {
            const bool allowed = std::ranges::all_of(node.scalar, [](char c) {
                return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' ||
                       c == '.';
            });
            if (node.scalar.empty() || !allowed) return std::nullopt;
            return SpecReference{node.scalar, node.position};
        },
        [](const SpecReference& value) { return value.id.empty() ? "null" : value.id; });
}

/** Config keys as in an experiment, checked by its schema where they stand. */
ValueType<YamlNode> settings(const KnownNames& known) {
    auto result = tree(YamlNode::Kind::map, "map of config keys, as in an experiment");
    result.read = [schema = experiment_schema(known), read = result.read](
                      const YamlNode& node, const std::string& key, YamlNode& value,
                      ConfigProblems& problems) {
        read(node, key, value, problems);
        ExperimentConfig config;
        GivenKeys given;
        schema.read(node, config, given, problems, key + ".");
        if (const auto seed = given.find("seed"); seed != given.end()) {
            problems.add(seed->second, key + ".seed", "is what the table's 'seeds' are for");
        }
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
    result.print = [](const std::vector<PublishedValue>&) { return std::string("null"); };
    return result;
}

ValueType<std::vector<uint64_t>> seeds() {
    return sequence_of(integer<uint64_t>(0), "list of integers, at least 0");
}

/** Names that figures had in tables before each had one name everywhere. */
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> former_names{
    {{"average_bits", "average_bits_with_scales"},
     {"full_precision", "full_precision_top1"},
     {"total_seconds", "seconds"}}};

/** The figure that cells show; `null` where `or_null` allows it. */
ValueType<const Figure*> measure_name(bool or_null = false) {
    std::vector<std::pair<std::string, const Figure*>> names;
    for (const Figure& figure : figures()) names.emplace_back(figure.name, &figure);
    auto result = choice<const Figure*>(std::move(names));
    result.read = [or_null, current = result.read](const YamlNode& node, const std::string& key,
                                                   const Figure*& value, ConfigProblems& problems) {
        if (or_null && node.kind == YamlNode::Kind::null) return;
        YamlNode named = node;
        for (const auto& [former, name] : former_names) {
            if (node.scalar != former) continue;
            spdlog::warn("{}: key '{}': '{}' is deprecated; write {}", node.position.text(), key,
                         former, name);
            named.scalar = name;
        }
        current(named, key, value, problems);
    };
    if (or_null) result.description = "null or " + result.description;
    return result;
}

Schema<MeasuredSetting> setting_keys() {
    Schema<MeasuredSetting> keys;
    keys.add({.key = "evaluation_images",
              .meaning = "Images that the numbers were measured on.",
              .unit = "images"},
             &MeasuredSetting::evaluation_images, optional(integer<int64_t>(1)));
    keys.add({.key = "full_precision",
              .meaning = "Top-1 of the checkpoint, which tells checkpoints of one name apart; "
                         "null: the published number of the row that measures "
                         "full_precision_top1, if any.",
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
               &ColumnSpec::measure, measure_name(true));
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
               &RowGroupSpec::measure, measure_name(true));
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
               measure_name(true));
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
