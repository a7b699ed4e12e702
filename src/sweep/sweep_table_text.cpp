#include "sweep/sweep_table_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/errors.hpp"
#include "core/text.hpp"
#include "points/point_label.hpp"
#include "report/csv.hpp"
#include "report/figures_text.hpp"
#include "report/run_json.hpp"
#include "results/figures.hpp"

namespace comq {

namespace {

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

const Column& column_named(const SweepTable& table, std::string_view name) {
    if (const Column* column = find_column(table.points, name)) return *column;
    std::vector<std::string> names;
    for (const Column& column : table.points) names.push_back(column.name);
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
    return format_accuracy({value, number_in(table, "top1_standard_error", row)});
}

}  // namespace

std::vector<std::size_t> sorted_rows(const SweepTable& table, std::string_view column) {
    if (column != sweep_order) return sorted_rows(column_named(table, column));
    std::vector<std::size_t> order(table.rows);
    std::iota(order.begin(), order.end(), std::size_t{0});
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
        std::vector<std::string> cells{csv_field(table.points.front(), row), label_of(table, row)};
        for (const Figure* figure : shown) cells.push_back(figure_text(table, *figure, row));
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
