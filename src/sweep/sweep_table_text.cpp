#include "sweep/sweep_table_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>
#include <utility>

#include "core/errors.hpp"
#include "core/json_text.hpp"
#include "core/text_table.hpp"
#include "core/units.hpp"
#include "report/csv.hpp"
#include "report/figures_text.hpp"
#include "results/figures.hpp"
#include "sweep/point_label.hpp"

namespace comq {

namespace {

constexpr std::string_view sweep_order = "sweep";

/** How a value looks in CSV. */
std::string field_of(const TableColumn& column, std::size_t row) {
    return std::visit([&](const auto& values) { return csv_field(values[row]); }, column.values);
}

/** NaN where the table has no such column of numbers. */
double number_in(const SweepTable& table, const std::string& name, std::size_t row) {
    const TableColumn* column = table.find(name);
    const auto* reals =
        column == nullptr ? nullptr : std::get_if<std::vector<double>>(&column->values);
    return reals == nullptr ? not_measured : (*reals)[row];
}

/** The columns of keys, between the names of points and what was measured. */
std::vector<const TableColumn*> key_columns(const SweepTable& table) {
    std::vector<const TableColumn*> keys;
    for (const TableColumn& column : table.points) {
        if (find_figure(column.name) != nullptr) break;
        if (column.name != "point" && column.name != "label") keys.push_back(&column);
    }
    return keys;
}

/** Files of version 1.0 have no labels; the keys give them. */
std::string label_of(const SweepTable& table, std::size_t row) {
    if (const TableColumn* label = table.find("label")) return field_of(*label, row);
    std::vector<std::string> names;
    const auto keys = key_columns(table);
    for (const TableColumn* key : keys) names.push_back(key->name);
    names = short_keys(names);
    std::string text;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        text += fmt::format("{}{}={}", i > 0 ? " " : "", names[i], field_of(*keys[i], row));
    }
    return text;
}

const TableColumn& column_named(const SweepTable& table, std::string_view name) {
    if (const TableColumn* column = table.find(name)) return *column;
    std::vector<std::string> names;
    for (const TableColumn& column : table.points) names.push_back(column.name);
    const auto shorter = short_keys(names);
    const auto found = std::ranges::find(shorter, name);
    if (found == shorter.end()) {
        throw UsageError("--sort {}: no such column; there are {}, {}", name, sweep_order,
                         fmt::join(names, ", "));
    }
    return table.points[static_cast<std::size_t>(found - shorter.begin())];
}

/** What the screen shows of a figure; "-" for nothing. */
std::string figure_text(const SweepTable& table, const Figure& figure, std::size_t row) {
    const double value = number_in(table, figure.name, row);
    if (figure.is_time()) return std::isnan(value) ? "-" : format_duration(value);
    // With the errors of all figures a line would not fit.
    if (figure.name != "top1") return format_number(value, figure.digits);
    return format_accuracy(value, number_in(table, "top1_standard_error", row));
}

nlohmann::ordered_json json_of(const TableColumn& column, std::size_t row) {
    return std::visit(
        [&](const auto& values) -> nlohmann::ordered_json {
            using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
            if constexpr (std::is_same_v<Value, double>) {
                return json_number(values[row]);
            } else {
                return values[row];
            }
        },
        column.values);
}

}  // namespace

std::vector<std::size_t> sorted_rows(const SweepTable& table, std::string_view column) {
    std::vector<std::size_t> order(table.rows);
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (column == sweep_order) return order;
    std::visit(
        [&](const auto& values) {
            using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
            std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
                if constexpr (std::is_same_v<Value, std::string>) {
                    return values[a] < values[b];
                } else if constexpr (std::is_same_v<Value, double>) {
                    return values[a] > values[b] ||
                           (std::isnan(values[b]) && !std::isnan(values[a]));
                } else {
                    return values[a] > values[b];
                }
            });
        },
        column_named(table, column).values);
    return order;
}

std::string describe_sweep_table(const SweepTable& table, const std::string& origin,
                                 std::string_view sort) {
    const auto order = sorted_rows(table, sort);
    std::vector<TextTable::Column> columns{{"point"}, {""}};
    std::vector<const Figure*> shown;
    for (const Figure& figure : figures()) {
        const bool measured = std::ranges::any_of(order, [&](std::size_t row) {
            return !std::isnan(number_in(table, figure.name, row));
        });
        if (figure.heading.empty() || !measured) continue;
        columns.push_back({.heading = figure.heading, .to_the_right = true});
        shown.push_back(&figure);
    }
    TextTable lines(std::move(columns), 2);
    for (const std::size_t row : order) {
        std::vector<std::string> cells{field_of(table.points.front(), row), label_of(table, row)};
        for (const Figure* figure : shown) cells.push_back(figure_text(table, *figure, row));
        lines.add(std::move(cells));
    }
    return fmt::format(
        "{}: table of the sweep {}, {} of {} runs, by {}\n{}"
        "error^2: mean over layers of (||X(W-Wq)|| / ||XW||)^2, held-out^2: on held-out images\n",
        origin, table.sweep, table.rows, table.sweep_runs, sort, lines.text());
}

std::string sweep_table_csv(const SweepTable& table, std::string_view sort) {
    std::vector<std::string> fields;
    for (const TableColumn& column : table.points) fields.push_back(column.name);
    std::string text = csv_line(fields);
    for (const std::size_t row : sorted_rows(table, sort)) {
        fields.clear();
        for (const TableColumn& column : table.points) fields.push_back(field_of(column, row));
        text += csv_line(fields);
    }
    return text;
}

nlohmann::ordered_json sweep_table_json(const SweepTable& table, std::string_view sort) {
    nlohmann::ordered_json json{{"sweep", table.sweep},
                                {"runs", table.sweep_runs},
                                {"points", nlohmann::ordered_json::array()}};
    for (const std::size_t row : sorted_rows(table, sort)) {
        nlohmann::ordered_json line;
        for (const auto& column : table.points) line[column.name] = json_of(column, row);
        json["points"].push_back(std::move(line));
    }
    return json;
}

}  // namespace comq
