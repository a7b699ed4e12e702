#include "sweep/sweep_table_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

#include "core/errors.hpp"
#include "core/json_text.hpp"
#include "core/units.hpp"
#include "report/csv.hpp"
#include "report/figures_text.hpp"
#include "sweep/point_label.hpp"

namespace comq {

namespace {

constexpr std::string_view sweep_order = "sweep";

/** How a value looks in CSV; empty where it was not measured. */
std::string field_of(const TableColumn& column, std::size_t row) {
    return std::visit(
        [&](const auto& values) -> std::string {
            using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
            if constexpr (std::is_same_v<Value, double>) {
                return std::isnan(values[row]) ? "" : fmt::format("{}", values[row]);
            } else {
                return fmt::format("{}", values[row]);
            }
        },
        column.values);
}

/** NaN where the table has no such column of numbers. */
double number_in(const SweepTable& table, const char* name, std::size_t row) {
    const TableColumn* column = table.find(name);
    if (column == nullptr) return std::nan("");
    if (const auto* reals = std::get_if<std::vector<double>>(&column->values)) return (*reals)[row];
    return std::nan("");
}

/** The columns of keys, between the names of points and what was measured. */
std::vector<const TableColumn*> key_columns(const SweepTable& table) {
    std::vector<const TableColumn*> keys;
    for (const TableColumn& column : table.points) {
        if (column.name == "full_precision_top1") break;
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

/** One column of the text: its heading and what it shows of a row, "-" for nothing. */
struct TextColumn {
    const char* heading;
    std::string (*text)(const SweepTable&, std::size_t row);
};

template <int digits>
std::string rounded(double value) {
    return std::isnan(value) ? "-" : fmt::format("{:.{}f}", value, digits);
}

std::string duration(double seconds) {
    return std::isnan(seconds) ? "-" : format_duration(seconds);
}

const std::vector<TextColumn>& text_columns() {
    using Table = SweepTable;
    static const std::vector<TextColumn> columns{
        {"full %",
         [](const Table& table, std::size_t row) {
             return rounded<2>(number_in(table, "full_precision_top1", row));
         }},
        {"Top-1 %",
         [](const Table& table, std::size_t row) {
             return format_accuracy(number_in(table, "top1", row),
                                    number_in(table, "top1_standard_error", row));
         }},
        {"agreement",
         [](const Table& table, std::size_t row) {
             return rounded<2>(number_in(table, "agreement", row));
         }},
        {"error^2",
         [](const Table& table, std::size_t row) {
             return rounded<5>(number_in(table, "mean_squared_relative_error", row));
         }},
        {"held-out^2",
         [](const Table& table, std::size_t row) {
             return rounded<5>(number_in(table, "mean_squared_heldout_error", row));
         }},
        {"bits",
         [](const Table& table, std::size_t row) {
             return rounded<2>(number_in(table, "average_bits_with_scales", row));
         }},
        {"solving",
         [](const Table& table, std::size_t row) {
             return duration(number_in(table, "solve_seconds", row));
         }},
        {"time", [](const Table& table, std::size_t row) {
             return duration(number_in(table, "seconds", row));
         }}};
    return columns;
}

/** Characters on the screen. */
std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t width, bool to_the_right) {
    const std::string blanks(width - std::min(width, width_of(text)), ' ');
    return to_the_right ? blanks + text : text + blanks;
}

/** Adds a column to the lines of a table; the first line is the heading. */
void add_column(std::vector<std::string>& lines, const std::vector<std::string>& texts,
                bool to_the_right) {
    std::size_t width = 0;
    for (const auto& text : texts) width = std::max(width, width_of(text));
    for (std::size_t i = 0; i < lines.size(); ++i) {
        lines[i] += (lines[i].empty() ? "" : "  ") + padded(texts[i], width, to_the_right);
    }
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
    std::vector<std::string> lines(order.size() + 1);
    const auto add = [&](const std::string& heading, bool to_the_right, auto&& text_of) {
        std::vector<std::string> texts{heading};
        for (const std::size_t row : order) texts.push_back(text_of(row));
        const bool empty = std::all_of(texts.begin() + 1, texts.end(),
                                       [](const std::string& text) { return text == "-"; });
        if (!empty) add_column(lines, texts, to_the_right);
    };
    add("point", false, [&](std::size_t row) { return field_of(table.points.front(), row); });
    add("", false, [&](std::size_t row) { return label_of(table, row); });
    for (const TextColumn& column : text_columns()) {
        add(column.heading, true, [&](std::size_t row) { return column.text(table, row); });
    }
    return fmt::format(
        "{}: table of the sweep {}, {} of {} runs, by {}\n{}\n"
        "error^2: mean over layers of (||X(W-Wq)|| / ||XW||)^2, held-out^2: on held-out images\n",
        origin, table.sweep, table.rows, table.sweep_runs, sort, fmt::join(lines, "\n"));
}

std::string sweep_table_csv(const SweepTable& table, std::string_view sort) {
    std::string text;
    for (const auto& column : table.points) {
        text += (text.empty() ? "" : ",") + csv_field(column.name);
    }
    text += '\n';
    for (const std::size_t row : sorted_rows(table, sort)) {
        for (std::size_t i = 0; i < table.points.size(); ++i) {
            text += (i > 0 ? "," : "") + csv_field(field_of(table.points[i], row));
        }
        text += '\n';
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
