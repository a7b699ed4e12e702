#include "report/value_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <numeric>
#include <type_traits>

#include "core/errors.hpp"
#include "core/json_text.hpp"
#include "core/text.hpp"

namespace comq {

std::string format_number(double value, int digits) {
    return std::isnan(value) ? "-" : fmt::format("{:.{}f}", value, digits);
}

std::string format_accuracy(const Measurement& percent) {
    if (!percent.exists()) return "-";
    return fmt::format("{:.2f} ± {}", percent.value, format_number(percent.standard_error, 2));
}

nlohmann::ordered_json figure_number(const Figure& figure, double value) {
    return figure.unit == "1" ? with_digits(value, 5) : with_decimals(value, figure.digits);
}

nlohmann::ordered_json figures_json(const RunRecord& run) {
    nlohmann::ordered_json json;
    for (const Figure& figure : figure_columns(set_names(run))) {
        json[figure.name] = figure_number(figure, figure.value(run));
    }
    return json;
}

std::vector<std::size_t> ordered_rows(const Columns& columns, std::string_view name,
                                      std::string_view unsorted) {
    if (const Column* found = find_column(columns, name)) return sorted_rows(*found);
    if (name != unsorted) {
        std::vector<std::string> names;
        for (const Column& known : columns) names.push_back(known.name);
        throw UsageError("--sort {}: no such column; there are {}, {}", name, unsorted,
                         fmt::join(names, ", "));
    }
    std::vector<std::size_t> order(columns.front().rows());
    std::iota(order.begin(), order.end(), std::size_t{0});
    return order;
}

nlohmann::ordered_json row_json(const Columns& columns, std::size_t row,
                                std::optional<int> digits) {
    nlohmann::ordered_json json;
    for (const Column& column : columns) {
        std::visit(
            [&](const auto& values) {
                using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
                if constexpr (std::is_same_v<Value, double>) {
                    json[column.name] =
                        digits ? with_digits(values[row], *digits) : json_number(values[row]);
                } else {
                    json[column.name] = values[row];
                }
            },
            column.values);
    }
    return json;
}

std::string csv_line(const std::vector<std::string>& fields) {
    std::string line;
    for (const std::string& field : fields) {
        if (&field != &fields.front()) line += ',';
        const bool quoted = field.find_first_of(",\"\n") != std::string::npos;
        if (quoted) line += '"';
        line += replace_each(field, {{"\"", "\"\""}});
        if (quoted) line += '"';
    }
    return line + "\n";
}

std::string csv_field(const Column& column, std::size_t row) {
    return std::visit(
        [&](const auto& values) {
            using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
            if constexpr (std::is_same_v<Value, double>) {
                if (std::isnan(values[row])) return std::string();
            }
            return fmt::format("{}", values[row]);
        },
        column.values);
}

std::string csv_text(const Columns& columns, const std::vector<std::size_t>& rows) {
    std::vector<std::string> fields;
    for (const Column& column : columns) fields.push_back(column.name);
    std::string text = csv_line(fields);
    for (const std::size_t row : rows) {
        fields.clear();
        for (const Column& column : columns) fields.push_back(csv_field(column, row));
        text += csv_line(fields);
    }
    return text;
}

}  // namespace comq
