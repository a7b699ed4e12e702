#include "sweep/sweep_table_file.hpp"

#include <algorithm>
#include <cstdint>

#include "core/errors.hpp"
#include "storage/atomic_file.hpp"
#include "storage/hdf5.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr const char* table_schema_version = "1.1";
constexpr std::string_view known_major = "1.";

void describe(Hdf5Dataset& dataset, const TableColumn& column) {
    if (!column.units.empty()) dataset.write_attribute("units", column.units);
    dataset.write_attribute("long_name", column.description);
}

Hdf5Dataset write_values(Hdf5Group& group, const TableColumn& column) {
    Hdf5Dataset dataset = std::visit(
        [&](const auto& values) { return group.write_column(column.name, values); }, column.values);
    describe(dataset, column);
    return dataset;
}

void write_group(Hdf5Group& group, const std::vector<TableColumn>& columns, Hdf5Dataset& scale) {
    for (const auto& column : columns) {
        if (column.name != "point" || !group.contains("point")) {
            write_values(group, column).attach_scale(0, scale);
        }
    }
}

TableColumn::Values values_of(const Hdf5Dataset& dataset) {
    switch (dataset.element()) {
        case Hdf5Element::integer:
            return dataset.integers();
        case Hdf5Element::real:
            return dataset.reals();
        case Hdf5Element::text:
            return dataset.texts();
        case Hdf5Element::other:
            break;
    }
    throw InputError("{}: holds neither numbers nor text", dataset.path());
}

std::string text_if_any(const Hdf5Object& object, const std::string& attribute) {
    return object.has_attribute(attribute) ? object.text_attribute(attribute) : std::string();
}

std::size_t length_of(const TableColumn& column) {
    return std::visit([](const auto& values) { return values.size(); }, column.values);
}

/** The columns of a group in their order; the number of rows is left out, a help for readers. */
std::vector<TableColumn> read_columns(const Hdf5Group& group) {
    std::vector<TableColumn> columns;
    for (const std::string& name : group.names()) {
        if (name == "row") continue;
        const Hdf5Dataset dataset = group.open_dataset(name);
        columns.push_back({name, text_if_any(dataset, "units"), text_if_any(dataset, "long_name"),
                           values_of(dataset)});
        if (length_of(columns.back()) != length_of(columns.front())) {
            throw InputError("{}: has {} rows, but '{}' has {}", dataset.path(),
                             length_of(columns.back()), columns.front().name,
                             length_of(columns.front()));
        }
    }
    return columns;
}

}  // namespace

const TableColumn* SweepTable::find(std::string_view name) const {
    const auto found = std::ranges::find(points, name, &TableColumn::name);
    return found == points.end() ? nullptr : &*found;
}

void write_sweep_table(const fs::path& file, const SweepTable& table) {
    auto hdf5 = Hdf5File::create_in_memory(file.string());
    auto root = hdf5.root();
    root.write_attribute("schema_version", std::string(table_schema_version));
    root.write_attribute("sweep", table.sweep);
    root.write_attribute("points_in_sweep", table.sweep_runs);

    auto points = root.create_group("points");
    Hdf5Dataset id = write_values(points, table.points.front());
    id.make_scale("point");
    write_group(points, table.points, id);

    auto layers = root.create_group("layers");
    std::vector<int64_t> numbers(length_of(table.layers.front()));
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int64_t>(i);
    Hdf5Dataset row = write_values(layers, {"row", "1", "number of the row", std::move(numbers)});
    row.make_scale("row");
    write_group(layers, table.layers, row);
    write_file_atomically(file, hdf5.image());
}

bool is_sweep_table(const fs::path& file) {
    try {
        const Hdf5File hdf5 = Hdf5File::open_for_reading(file);
        return hdf5.root().has_attribute("sweep") && hdf5.root().contains("points/point");
    } catch (const Error&) {
        return false;
    }
}

SweepTable read_sweep_table(const fs::path& file) {
    const Hdf5File hdf5 = Hdf5File::open_for_reading(file);
    const Hdf5Group root = hdf5.root();
    const std::string version = text_if_any(root, "schema_version");
    if (!version.starts_with(known_major)) {
        throw InputError(
            "{}: schema version '{}' of a sweep's table is not one that this program "
            "reads ({}x); use a later comq",
            file.string(), version, known_major);
    }
    SweepTable table;
    table.sweep = root.text_attribute("sweep");
    table.sweep_runs = static_cast<std::size_t>(root.integer_attribute("points_in_sweep"));
    table.points = read_columns(root.open_group("points"));
    table.layers = read_columns(root.open_group("layers"));
    table.rows = table.points.empty() ? 0 : length_of(table.points.front());
    return table;
}

}  // namespace comq
