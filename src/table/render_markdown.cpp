#include <fmt/format.h>

#include "core/text.hpp"
#include "table/cell_text.hpp"
#include "table/render.hpp"

namespace comq {

namespace {

const CellStyle markdown_style{
    .plus_minus = " ± ",
    .minus = "−",
    .empty = "–",
    .separator = " / ",
    .bold = [](const std::string& text) { return "**" + text + "**"; },
    .raised = [](const std::string& text) { return "<sup>" + text + "</sup>"; }};

std::string markdown_escaped(const std::string& text) {
    return replace_each(text,
                        {{"|", "\\|"}, {"*", "\\*"}, {"_", "\\_"}, {"<", "\\<"}, {"`", "\\`"}});
}

std::string line_of(const std::string& first, const std::vector<std::string>& cells) {
    std::string line = "| " + first + " |";
    for (const std::string& cell : cells) line += " " + cell + " |";
    return line + "\n";
}

}  // namespace

std::string render_markdown(const Table& table) {
    std::string text = fmt::format("### {}\n\n", markdown_escaped(table.title));
    if (!table.caption.empty()) text += markdown_escaped(table.caption) + "\n\n";
    std::vector<std::string> headings;
    for (const std::string& column : table.columns) headings.push_back(markdown_escaped(column));
    text +=
        line_of("", headings) + line_of("---", std::vector(headings.size(), std::string("---")));
    std::string group;
    for (const TableRow& row : table.rows) {
        if (row.group != group) {
            group = row.group;
            text += line_of("**" + markdown_escaped(group) + "**",
                            std::vector<std::string>(headings.size()));
        }
        std::vector<std::string> cells;
        for (const TableCell& cell : row.cells) {
            cells.push_back(cell_text(cell, table.has_published(), markdown_style));
        }
        text += line_of(markdown_escaped(row.label), cells);
    }
    text += "\n" + explain_cells(table) + "\n";
    for (std::size_t i = 0; i < table.notes.size(); ++i) {
        text += fmt::format("\n{} {}  ", markdown_style.raised(note_mark(i)),
                            markdown_escaped(table.notes[i]));
    }
    if (!table.notes.empty()) text += "\n";
    if (!table.citations.empty()) text += "\nPublished numbers:\n";
    for (const std::string& citation : table.citations) {
        text += fmt::format("- {}\n", markdown_escaped(citation));
    }
    const auto missing = table.missing();
    if (!missing.empty()) {
        text += fmt::format("\nMissing runs ({}):\n\n```sh\n", count_of(missing));
        for (const MissingRun& run : missing) text += run.line() + "\n";
        text += "```\n";
    }
    return text;
}

}  // namespace comq
