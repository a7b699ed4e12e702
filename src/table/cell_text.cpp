#include "table/cell_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace comq {

namespace {

std::string decimal(double value, int digits, const CellStyle& style, bool with_sign = false) {
    const std::string magnitude = fmt::format("{:.{}f}", std::abs(value), digits);
    const bool zero = magnitude.find_first_of("123456789") == std::string::npos;
    if (value < 0 && !zero) return style.minus + magnitude;
    return with_sign && !zero ? "+" + magnitude : magnitude;
}

}  // namespace

std::string value_text(const std::optional<TableValue>& value, int digits, const CellStyle& style) {
    if (!value) return style.empty;
    std::string text = decimal(value->value, digits, style);
    if (value->best) text = style.bold(text);
    if (!std::isnan(value->standard_error)) {
        text += style.plus_minus + decimal(value->standard_error, digits, style);
    }
    if (value->notes.empty()) return text;
    std::vector<std::string> marks;
    for (const std::size_t note : value->notes) marks.push_back(note_mark(note));
    return text + style.raised(fmt::format("{}", fmt::join(marks, ",")));
}

std::string difference_text(const TableCell& cell, const CellStyle& style) {
    const auto difference = cell.difference();
    return difference ? decimal(*difference, cell.measure->digits, style, true) : style.empty;
}

std::string cell_text(const TableCell& cell, bool with_published, const CellStyle& style) {
    const int digits = cell.measure->digits;
    const std::string ours = value_text(cell.ours, digits, style);
    if (!with_published) return ours;
    if (!cell.published && !cell.ours) return style.empty;
    // Nobody runs it here, as with the methods of others.
    if (!cell.ours && cell.missing.empty()) return value_text(cell.published, digits, style);
    return value_text(cell.published, digits, style) + style.separator + ours + style.separator +
           difference_text(cell, style);
}

std::string note_mark(std::size_t position) {
    std::string mark(1, static_cast<char>('a' + position % 26));
    return position < 26 ? mark : note_mark(position / 26 - 1) + mark;
}

std::string explain_cells(const Table& table, CellLayout layout) {
    bool several = false;
    bool single = false;
    bool best = false;
    for (const TableRow& row : table.rows) {
        for (const TableCell& cell : row.cells) {
            for (const auto& value : {cell.published, cell.ours}) {
                if (!value) continue;
                best = best || value->best;
                several = several || value->runs > 1;
                single = single || (value->runs == 1 && !std::isnan(value->standard_error));
            }
        }
    }
    std::vector<std::string> sentences;
    if (table.has_published()) {
        sentences.emplace_back(
            layout == CellLayout::joined
                ? "A cell: published / ours / ours less published, where the two are comparable."
                : "Difference: ours less published, where the two are comparable.");
    }
    if (several) sentences.emplace_back("± is one standard error of the mean over several runs.");
    if (single) {
        sentences.push_back(fmt::format("{}± is one standard error over the evaluation images.",
                                        several ? "Of a single run " : ""));
    }
    if (best) {
        sentences.push_back(fmt::format("Bold: the best of its block and column{}.",
                                        table.notes.empty() ? "" : ", marked numbers apart"));
    }
    return fmt::format("{}", fmt::join(sentences, " "));
}

std::string count_of(const std::vector<MissingRun>& missing) {
    const auto launched =
        std::ranges::count_if(missing, [](const MissingRun& run) { return !run.state.empty(); });
    if (launched == 0) return fmt::format("{}", missing.size());
    return fmt::format("{}, {} of them launched", missing.size(), launched);
}

}  // namespace comq
