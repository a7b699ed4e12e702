#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "report/value_text.hpp"
#include "table/render.hpp"

namespace comq {

namespace {

std::string number_text(std::optional<double> value) {
    return value && !std::isnan(*value) ? fmt::format("{:.10g}", *value) : std::string();
}

std::string notes_text(const Table& table, const std::optional<TableValue>& value) {
    std::string text;
    if (!value) return text;
    for (const std::size_t note : value->notes) {
        text += (text.empty() ? "" : "; ") + table.notes[note];
    }
    return text;
}

std::optional<double> value_of(const std::optional<TableValue>& value) {
    return value ? std::optional(value->value) : std::nullopt;
}

std::string line_of(const Table& table, const TableRow& row, std::size_t column) {
    const TableCell& cell = row.cells[column];
    std::vector<std::string> files;
    for (const auto& file : cell.files) files.push_back(file.string());
    std::vector<std::string> commands;
    for (const MissingRun& run : cell.missing) commands.push_back(run.command());
    return csv_line(
        {row.group, row.id, row.label, table.column_ids[column], cell.measure->name,
         number_text(value_of(cell.published)), cell.source, notes_text(table, cell.published),
         number_text(value_of(cell.ours)), cell.ours ? number_text(cell.ours->standard_error) : "",
         cell.ours ? fmt::format("{}", cell.ours->runs) : "", notes_text(table, cell.ours),
         number_text(cell.difference()), fmt::format("{}", fmt::join(files, "; ")),
         fmt::format("{}", fmt::join(commands, "; "))});
}

}  // namespace

std::string render_csv(const Table& table) {
    std::string text =
        "group,row,label,column,measure,published,source,published_notes,ours,standard_error,runs,"
        "notes,difference,files,missing\n";
    for (const TableRow& row : table.rows) {
        for (std::size_t column = 0; column < row.cells.size(); ++column) {
            text += line_of(table, row, column);
        }
    }
    return text;
}

}  // namespace comq
