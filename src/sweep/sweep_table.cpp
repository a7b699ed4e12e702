#include "sweep/sweep_table.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <utility>

#include "config/value_types.hpp"
#include "core/errors.hpp"
#include "core/text.hpp"
#include "experiment_config/config_text.hpp"
#include "experiment_config/experiment_schema.hpp"
#include "report/value_text.hpp"
#include "results/record_columns.hpp"
#include "results/run_file.hpp"
#include "storage/atomic_file.hpp"
#include "storage/hdf5.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr const char* table_schema_version = "1.1";
constexpr std::string_view known_major = "1.";

struct FinishedPoint {
    const Point* point;
    ConfigValues config;
    RunRecord run;
};

/** "null" for a key that the method of the point does not read. */
std::string value_of(const ConfigValues& values, const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? "null" : found->second;
}

/** Keys whose values differ between points that read them, in the order of the schema. */
std::vector<KeyInfo> varying_keys(const PointSet& sweep, const std::vector<ConfigValues>& configs) {
    std::vector<KeyInfo> varying;
    for (const auto& info : experiment_schema().keys()) {
        if (info.key == "output.file") continue;
        std::set<std::string> different;
        for (const ConfigValues& values : configs) {
            if (values.contains(info.key)) different.insert(values.at(info.key));
        }
        const bool differs = different.size() > 1;
        const bool named = std::ranges::find(sweep.varied, info.key) != sweep.varied.end();
        if (differs || named) varying.push_back(info);
    }
    return varying;
}

/** Integers where all are, else numbers (null: NaN), else texts. */
Column::Values typed(const std::vector<std::string>& texts) {
    std::vector<int64_t> integers;
    std::vector<double> reals;
    for (const auto& text : texts) {
        if (const auto integer = parse_number<int64_t>(text)) integers.push_back(*integer);
        if (const auto real = parse_number<double>(text)) {
            reals.push_back(*real);
        } else if (text == "null") {
            reals.push_back(not_measured);
        }
    }
    if (integers.size() == texts.size()) return integers;
    const bool any_number =
        std::ranges::any_of(reals, [](double value) { return !std::isnan(value); });
    if (reals.size() == texts.size() && any_number) return reals;
    return texts;
}

std::vector<std::string> texts_of(const std::vector<FinishedPoint>& finished,
                                  std::string Point::*text) {
    std::vector<std::string> texts;
    for (const auto& row : finished) texts.push_back(row.point->*text);
    return texts;
}

/** The sets that any of the points was evaluated on. */
std::vector<std::string> sets_of(const std::vector<FinishedPoint>& finished) {
    std::vector<std::string> sets;
    for (const auto& row : finished) {
        for (const std::string& name : set_names(row.run)) {
            if (std::ranges::find(sets, name) == sets.end()) sets.push_back(name);
        }
    }
    return sets;
}

/** The sets that the table has figures of. */
std::vector<std::string> sets_of(const SweepTable& table) {
    std::vector<std::string> sets;
    for (const Column& column : table.points) {
        const Figure* figure = find_figure(column.name);
        if (figure == nullptr || figure->set.empty()) continue;
        if (std::ranges::find(sets, figure->set) == sets.end()) sets.push_back(figure->set);
    }
    return sets;
}

Columns point_columns(const std::vector<FinishedPoint>& finished,
                      const std::vector<KeyInfo>& varying) {
    Columns columns;
    columns.push_back(
        {"point", "", "identity of the point, name of its file", texts_of(finished, &Point::id)});
    columns.push_back({"label", "", "what varies, in short", texts_of(finished, &Point::label)});
    for (const auto& info : varying) {
        std::vector<std::string> texts;
        for (const auto& row : finished) texts.push_back(value_of(row.config, info.key));
        columns.push_back({info.key, info.unit, info.meaning, typed(texts)});
    }
    for (const Figure& figure : figure_columns(sets_of(finished))) {
        std::vector<double> values;
        for (const auto& row : finished) values.push_back(figure.value(row.run));
        columns.push_back({figure.name, figure.unit, figure.description, std::move(values)});
    }
    return columns;
}

Columns layer_table(const std::vector<FinishedPoint>& finished) {
    std::vector<LayerRecord> layers;
    std::vector<std::string> ids;
    for (const auto& row : finished) {
        layers.insert(layers.end(), row.run.layers.begin(), row.run.layers.end());
        ids.insert(ids.end(), row.run.layers.size(), row.point->id);
    }
    std::vector<int64_t> numbers(layers.size());
    std::iota(numbers.begin(), numbers.end(), int64_t{0});
    Columns columns{{"row", "1", "number of the row", std::move(numbers)},
                    {"point", "", "identity of the point", std::move(ids)}};
    std::ranges::move(columns_of(layers), std::back_inserter(columns));
    return columns;
}

constexpr std::string_view sweep_order = "sweep";

/** NaN where the table has no such column of numbers. */
double number_in(const SweepTable& table, const std::string& name, std::size_t row) {
    const Column* column = find_column(table.points, name);
    const auto* reals =
        column == nullptr ? nullptr : std::get_if<std::vector<double>>(&column->values);
    return reals == nullptr ? not_measured : (*reals)[row];
}

/** The columns of keys, between the names of points and what was measured. */
std::vector<const Column*> key_columns(const SweepTable& table) {
    std::vector<const Column*> keys;
    for (const Column& column : table.points) {
        if (find_figure(column.name) != nullptr) break;
        if (column.name != "point" && column.name != "label") keys.push_back(&column);
    }
    return keys;
}

/** Files of version 1.0 have no labels; the keys give them. */
std::string label_of(const SweepTable& table, std::size_t row) {
    if (const Column* label = find_column(table.points, "label")) return csv_field(*label, row);
    std::vector<std::string> names;
    const auto keys = key_columns(table);
    for (const Column* key : keys) names.push_back(key->name);
    names = short_keys(names);
    std::string text;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        text += fmt::format("{}{}={}", i > 0 ? " " : "", names[i], csv_field(*keys[i], row));
    }
    return text;
}

/** What the screen shows of a figure; "-" for nothing. */
std::string figure_text(const SweepTable& table, const Figure& figure, std::size_t row) {
    const double value = number_in(table, figure.name, row);
    if (figure.is_time()) return std::isnan(value) ? "-" : format_duration(value);
    // With the errors of all figures a line would not fit.
    if (figure.name != "top1") return format_number(value, figure.digits);
    return format_accuracy({value, number_in(table, "top1_standard_error", row)});
}

}  // namespace

SweepTable collect_points(const PointSet& sweep) {
    std::vector<ConfigValues> configs;
    std::vector<FinishedPoint> finished;
    for (const auto& point : sweep.points) {
        configs.push_back(resolved_values(point.config.config));
        if (point.same_as || !fs::exists(point.result())) continue;
        try {
            finished.push_back(
                {&point, configs.back(), read_run_file(point.result(), ReadScope::summary)});
        } catch (const Error& error) {
            spdlog::warn("left out: {}; delete the file to compute it again", error.what());
        }
    }
    SweepTable table;
    table.sweep = sweep.name;
    table.sweep_runs = sweep.runs();
    table.rows = finished.size();
    table.points = point_columns(finished, varying_keys(sweep, configs));
    table.layers = layer_table(finished);
    return table;
}

void write_sweep_table(const fs::path& file, const SweepTable& table) {
    auto hdf5 = Hdf5File::create_in_memory(file.string());
    auto root = hdf5.root();
    root.write_attribute("schema_version", std::string(table_schema_version));
    root.write_attribute("sweep", table.sweep);
    root.write_attribute("points_in_sweep", table.sweep_runs);

    write_columns(root.create_group("points"), table.points);
    write_columns(root.create_group("layers"), table.layers);
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
    const bool has_version = root.has_attribute("schema_version");
    const std::string version = has_version ? root.text_attribute("schema_version") : "";
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
    table.rows = table.points.empty() ? 0 : table.points.front().rows();
    return table;
}

std::vector<std::size_t> sorted_rows(const SweepTable& table, std::string_view column) {
    if (find_column(table.points, column) != nullptr) {
        return ordered_rows(table.points, column, sweep_order);
    }
    std::vector<std::string> names;
    for (const Column& known : table.points) names.push_back(known.name);
    const auto shorter = short_keys(names);
    const auto found = std::ranges::find(shorter, column);
    const std::string_view name =
        found == shorter.end() ? column : names[static_cast<std::size_t>(found - shorter.begin())];
    return ordered_rows(table.points, name, sweep_order);
}

std::string describe_sweep_table(const SweepTable& table, const std::string& origin,
                                 std::string_view sort) {
    const auto order = sorted_rows(table, sort);
    std::vector<TextTable::Column> columns{{"point"}, {""}};
    std::vector<Figure> shown;
    for (const Figure& figure : figures_with(sets_of(table))) {
        const bool measured = std::ranges::any_of(order, [&](std::size_t row) {
            return !std::isnan(number_in(table, figure.name, row));
        });
        if (figure.heading.empty() || !measured) continue;
        columns.push_back({.heading = figure.heading, .to_the_right = true});
        shown.push_back(figure);
    }
    TextTable lines(std::move(columns), 2);
    for (const std::size_t row : order) {
        std::vector<std::string> cells{csv_field(table.points.front(), row), label_of(table, row)};
        for (const Figure& figure : shown) cells.push_back(figure_text(table, figure, row));
        lines.add(std::move(cells));
    }
    return fmt::format(
        "{}: table of the sweep {}, {} of {} runs, by {}\n{}"
        "error^2: mean over layers of (||X(W-Wq)|| / ||XW||)^2, held-out^2: on held-out images\n",
        origin, table.sweep, table.rows, table.sweep_runs, sort, lines.text());
}

std::string sweep_table_csv(const SweepTable& table, std::string_view sort) {
    return csv_text(table.points, sorted_rows(table, sort));
}

nlohmann::ordered_json sweep_table_json(const SweepTable& table, std::string_view sort) {
    nlohmann::ordered_json json{{"sweep", table.sweep},
                                {"runs", table.sweep_runs},
                                {"points", nlohmann::ordered_json::array()}};
    for (const std::size_t row : sorted_rows(table, sort)) {
        json["points"].push_back(row_json(table.points, row));
    }
    return json;
}

}  // namespace comq
