#include "report/csv.hpp"

#include <fmt/format.h>

#include <cmath>
#include <type_traits>

namespace comq {

std::string csv_line(const std::vector<std::string>& fields) {
    std::string line;
    for (const std::string& field : fields) {
        if (&field != &fields.front()) line += ',';
        const bool quoted = field.find_first_of(",\"\n") != std::string::npos;
        if (quoted) line += '"';
        for (const char c : field) line += c == '"' ? std::string("\"\"") : std::string(1, c);
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
