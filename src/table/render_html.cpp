#include <fmt/format.h>

#include "core/text.hpp"
#include "table/cell_text.hpp"
#include "table/render.hpp"

namespace comq {

namespace {

const CellStyle html_style{
    .plus_minus = " ± ",
    .minus = "−",
    .empty = "–",
    .separator = " / ",
    .bold = [](const std::string& text) { return "<strong>" + text + "</strong>"; },
    .raised = [](const std::string& text) { return "<sup>" + text + "</sup>"; }};

std::string html_escaped(const std::string& text) {
    return replace_each(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

constexpr const char* head =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n"
    "<style>\nbody {{ font: 15px/1.45 sans-serif; margin: 2em; }}\n"
    "table {{ border-collapse: collapse; }}\n"
    "th, td {{ padding: 0.25em 0.8em; text-align: center; border-bottom: 1px solid #ccc; }}\n"
    "th:first-child, td:first-child {{ text-align: left; }}\n"
    "tr.group td {{ font-style: italic; padding-top: 1em; }}\n"
    "</style>\n</head>\n<body>\n<h1>{0}</h1>\n<p>{1}</p>\n<table>\n";

std::string rows_of(const Table& table) {
    std::string text = "<tr><th></th>";
    for (const std::string& column : table.columns) text += "<th>" + html_escaped(column) + "</th>";
    text += "</tr>\n";
    std::string group;
    for (const TableRow& row : table.rows) {
        if (row.group != group) {
            group = row.group;
            text += fmt::format("<tr class=\"group\"><td colspan=\"{}\">{}</td></tr>\n",
                                table.columns.size() + 1, html_escaped(group));
        }
        text += "<tr><td>" + html_escaped(row.label) + "</td>";
        for (const TableCell& cell : row.cells) {
            text += "<td>" + cell_text(cell, table.has_published(), html_style) + "</td>";
        }
        text += "</tr>\n";
    }
    return text;
}

}  // namespace

std::string render_html(const Table& table) {
    std::string text =
        fmt::format(fmt::runtime(head), html_escaped(table.title), html_escaped(table.caption));
    text += rows_of(table) + "</table>\n<p>" + html_escaped(explain_cells(table)) + "</p>\n";
    for (std::size_t i = 0; i < table.notes.size(); ++i) {
        text += html_style.raised(note_mark(i)) + " " + html_escaped(table.notes[i]) + "<br>\n";
    }
    if (!table.citations.empty()) text += "<p>Published numbers:</p>\n<ul>\n";
    for (const std::string& citation : table.citations) {
        text += "<li>" + html_escaped(citation) + "</li>\n";
    }
    if (!table.citations.empty()) text += "</ul>\n";
    const auto missing = table.missing();
    if (!missing.empty()) {
        text +=
            fmt::format("<details><summary>Missing runs ({})</summary>\n<pre>", count_of(missing));
        for (const MissingRun& run : missing) text += html_escaped(run.line()) + "\n";
        text += "</pre>\n</details>\n";
    }
    return text + "</body>\n</html>\n";
}

}  // namespace comq
