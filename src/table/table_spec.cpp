#include "table/table_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/nearest_name.hpp"
#include "table/table_schema.hpp"

namespace comq {

namespace {

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
