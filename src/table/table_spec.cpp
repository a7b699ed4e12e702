#include "table/table_spec.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "config/schema.hpp"
#include "core/nearest_name.hpp"
#include "points/expand.hpp"

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
    const ExperimentSchema& schema = experiment_schema(known);
    result.read = [&schema, read = result.read](const YamlNode& node, const std::string& key,
                                                YamlNode& value, ConfigProblems& problems) {
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

/** The figure that cells show, perhaps of a set; `null` where `or_null` allows it. */
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
        const Figure* of_set = find_figure(named.scalar);
        if (of_set != nullptr && !of_set->set.empty()) {
            value = of_set;
        } else {
            current(named, key, value, problems);
        }
    };
    result.print = [](const Figure* const& value) {
        return value == nullptr ? std::string("null") : print_yaml_text(value->name);
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

/** The keys that columns, blocks and rows share. */
template <typename Cells>
Schema<Cells> cells_schema(const KnownNames& known) {
    Schema<Cells> schema;
    schema.add({.key = "id", .meaning = "Name within the table.", .required = true}, &Cells::id,
               reference());
    schema.add({.key = "label", .meaning = "Its heading.", .required = true}, &Cells::label,
               text());
    schema.add({.key = "measure", .meaning = "In place of that of what its cells stand in."},
               &Cells::measure, measure_name(true));
    schema.add({.key = "set", .meaning = "Config keys of its runs; rows without: published only."},
               &Cells::set, settings(known));
    return schema;
}

Schema<ColumnSpec> column_schema(const KnownNames& known) {
    auto schema = cells_schema<ColumnSpec>(known);
    schema.add({.key = "config", .meaning = "In place of the table's config."}, &ColumnSpec::config,
               path());
    schema.add({.key = "measured", .meaning = "false: it only has published numbers."},
               &ColumnSpec::measured, boolean());
    return schema;
}

Schema<RowSpec> row_schema(const KnownNames& known) {
    auto schema = cells_schema<RowSpec>(known);
    schema.add({.key = "groups",
                .meaning = "Groups that have this row; null: all; []: none, it stands above."},
               &RowSpec::groups, optional(sequence_of(reference(), "list of group ids")));
    schema.add({.key = "seeds",
                .meaning = "In place of the table's seeds, for what does not depend on them."},
               &RowSpec::seeds, optional(seeds()));
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

/** Every key of a table. */
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
               sequence_of(map_of(column_schema(known)),
                           "list of {id, label, config, measure, measured, set}"));
    schema.add({.key = "groups", .meaning = "Blocks that repeat the rows."}, &TableSpec::groups,
               sequence_of(map_of(cells_schema<RowGroupSpec>(known)),
                           "list of {id, label, measure, set}"));
    schema.add(
        {.key = "rows", .meaning = "Rows, from the top.", .required = true}, &TableSpec::rows,
        sequence_of(map_of(row_schema(known)), "list of {id, label, measure, groups, seeds, set}"));
    schema.add({.key = "sources", .meaning = "Where published numbers are from."},
               &TableSpec::sources,
               sequence_of(map_of(source_schema()), "list of {id, citation, setting}"));
    schema.add(
        {.key = "published", .meaning = "Published numbers."}, &TableSpec::published,
        sequence_of(map_of(published_schema()), "list of {row, group, source, values, setting}"));
    return schema;
}

/** The ids of items, which have to be unique. */
template <typename Item>
std::vector<std::string> ids_of(const std::vector<Item>& items, const std::string& what,
                                ConfigProblems& problems) {
    std::vector<std::string> names;
    for (const Item& item : items) {
        if (std::ranges::find(names, item.id.id) != names.end()) {
            problems.add(item.id.position, what,
                         fmt::format("the id '{}' is used twice", item.id.id));
        }
        names.push_back(item.id.id);
    }
    return names;
}

/** A reference has to lead to one of `known`. */
void check_reference(const SpecReference& reference, const std::vector<std::string>& known,
                     const std::string& key, ConfigProblems& problems) {
    if (std::ranges::find(known, reference.id) != known.end()) return;
    const std::string nearest = nearest_name(reference.id, known);
    problems.add(reference.position, key,
                 fmt::format("there is no '{}'{}", excerpt(reference.id),
                             nearest.empty() ? "" : " (nearest known: '" + nearest + "')"));
}

void check_published(const TableSpec& spec, ConfigProblems& problems) {
    std::set<std::string> seen;
    for (const PublishedSpec& published : spec.published) {
        const auto row =
            std::ranges::find(spec.rows, published.row.id, [](const auto& r) { return r.id.id; });
        const auto group = std::ranges::find(spec.groups, published.group.id,
                                             [](const auto& g) { return g.id.id; });
        if (!spec.stands_in(*row, group == spec.groups.end() ? nullptr : &*group)) {
            problems.add(published.row.position, "published.group",
                         published.group.id.empty()
                             ? fmt::format("is required: the row '{}' stands in several groups",
                                           published.row.id)
                             : fmt::format("the row '{}' does not stand in the group '{}'",
                                           published.row.id, published.group.id));
        }
        for (const PublishedValue& value : published.values) {
            const std::string cell =
                fmt::format("{}{}{}/{}", published.group.id, published.group.id.empty() ? "" : "/",
                            published.row.id, value.column.id);
            if (!seen.insert(cell).second) {
                problems.add(value.column.position, "published.values",
                             fmt::format("the cell {} has two published numbers", cell));
            }
        }
    }
}

void check_references(const TableSpec& spec, ConfigProblems& problems) {
    const auto columns = ids_of(spec.columns, "columns.id", problems);
    const auto groups = ids_of(spec.groups, "groups.id", problems);
    const auto rows = ids_of(spec.rows, "rows.id", problems);
    const auto sources = ids_of(spec.sources, "sources.id", problems);
    const auto check = [&](const SpecReference& reference, const std::vector<std::string>& known,
                           const char* key) { check_reference(reference, known, key, problems); };
    for (const RowSpec& row : spec.rows) {
        if (!row.groups) continue;
        for (const auto& group : *row.groups) check(group, groups, "rows.groups");
    }
    for (const PublishedSpec& published : spec.published) {
        check(published.row, rows, "published.row");
        check(published.source, sources, "published.source");
        if (!published.group.id.empty()) check(published.group, groups, "published.group");
        for (const PublishedValue& value : published.values) {
            check(value.column, columns, "published.values");
        }
    }
    if (problems.empty()) check_published(spec, problems);
}

void check_configs(const TableSpec& spec, ConfigProblems& problems) {
    const bool some_measured = std::ranges::any_of(spec.rows, &RowSpec::measured);
    if (!some_measured || !spec.config.empty()) return;
    for (const ColumnSpec& column : spec.columns) {
        if (!column.config.empty() || !column.measured) continue;
        problems.add(column.id.position, "columns.config",
                     fmt::format("is required: neither the table nor the column '{}' names the "
                                 "config that its runs start from",
                                 column.id.id));
    }
}

}  // namespace

MeasuredSetting overlaid(MeasuredSetting base, const MeasuredSetting& over) {
    if (over.evaluation_images) base.evaluation_images = over.evaluation_images;
    if (over.full_precision) base.full_precision = over.full_precision;
    if (over.layers) base.layers = over.layers;
    if (over.uses_labels) base.uses_labels = over.uses_labels;
    base.differs.insert(base.differs.end(), over.differs.begin(), over.differs.end());
    return base;
}

const SourceSpec& TableSpec::source(const std::string& id) const {
    return *std::ranges::find(sources, id, [](const SourceSpec& source) { return source.id.id; });
}

bool TableSpec::stands_in(const RowSpec& row, const RowGroupSpec* group) const {
    if (group == nullptr) return groups.empty() || (row.groups && row.groups->empty());
    return !row.groups || std::ranges::any_of(*row.groups, [&](const SpecReference& other) {
        return other.id == group->id.id;
    });
}

const Figure& TableSpec::measure_of(const RowSpec& row, const RowGroupSpec* group,
                                    const ColumnSpec& column) const {
    if (row.measure != nullptr) return *row.measure;
    if (group != nullptr && group->measure != nullptr) return *group->measure;
    return column.measure != nullptr ? *column.measure : *measure;
}

TableSpec read_table_spec(const std::filesystem::path& file, const KnownNames& known) {
    ConfigProblems problems;
    TableSpec spec;
    spec.file = file;
    if (const auto root = read_yaml_file(file, problems)) {
        const Schema<TableSpec> schema = table_schema(known);
        GivenKeys given;
        schema.read(*root, spec, given, problems);
        schema.require(given, YamlPosition(file.string(), 1, 1), problems);
        if (problems.empty()) check_references(spec, problems);
        if (problems.empty()) check_configs(spec, problems);
    }
    problems.throw_if_any();
    return spec;
}

}  // namespace comq
