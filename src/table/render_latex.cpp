#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "core/text.hpp"
#include "table/cell_text.hpp"
#include "table/render.hpp"

namespace comq {

namespace {

const CellStyle style{
    .plus_minus = "\\,$\\pm$\\,",
    .minus = "$-$",
    .empty = "",
    .separator = "",
    .bold = [](const std::string& text) { return "\\textbf{" + text + "}"; },
    .raised = [](const std::string& text) { return "$^{\\mathrm{" + text + "}}$"; }};

/**
 * Characters that LaTeX takes for commands, those that its old fonts lack, and those that a line
 * may not begin with, since \\ and \midrule before it would take them for arguments.
 */
std::string escaped(std::string_view text) {
    return replace_each(text, {{"\\", "\\textbackslash{}"},
                               {"{", "\\{"},
                               {"}", "\\}"},
                               {"%", "\\%"},
                               {"&", "\\&"},
                               {"#", "\\#"},
                               {"_", "\\_"},
                               {"$", "\\$"},
                               {"~", "\\textasciitilde{}"},
                               {"^", "\\textasciicircum{}"},
                               {"[", "{[}"},
                               {"]", "{]}"},
                               {"*", "{*}"},
                               {"\"", "''"},
                               {"<", "$<$"},
                               {">", "$>$"},
                               {"|", "$|$"},
                               {"±", "$\\pm$"},
                               {"−", "$-$"},
                               {"–", "--"},
                               {"—", "---"},
                               {"…", "\\dots{}"},
                               {"×", "$\\times$"},
                               {"·", "$\\cdot$"},
                               {"≤", "$\\le$"},
                               {"≥", "$\\ge$"},
                               {"²", "$^2$"},
                               {"‖", "$\\|$"},
                               {"δ", "$\\delta$"},
                               {"→", "$\\to$"}});
}

/** One of the numbers that cells of a column have; each gets a column of the page. */
struct Part {
    const char* heading;
    std::string (*text)(const TableCell&);
};

std::string value_of(const std::optional<TableValue>& value, const TableCell& cell) {
    return value_text(value, cell.measure->digits, style);
}

const std::vector<Part>& all_parts() {
    static const std::vector<Part> parts{
        {"published", [](const TableCell& cell) { return value_of(cell.published, cell); }},
        {"ours", [](const TableCell& cell) { return value_of(cell.ours, cell); }},
        {"difference", [](const TableCell& cell) { return difference_text(cell, style); }}};
    return parts;
}

/** Those that some cell of the column has; our own where none has any. */
std::vector<Part> parts_of(const Table& table, std::size_t column) {
    std::vector<Part> parts;
    for (const Part& part : all_parts()) {
        const bool used = std::ranges::any_of(
            table.rows, [&](const TableRow& row) { return !part.text(row.cells[column]).empty(); });
        if (used) parts.push_back(part);
    }
    if (parts.empty()) parts.push_back(all_parts()[1]);
    return parts;
}

/** The lines of column headings, the parts of a column below a rule under its name. */
std::string heading_of(const Table& table, const std::vector<std::vector<Part>>& parts) {
    std::string names;
    std::string rules;
    std::string part_names;
    std::size_t position = 2;
    for (std::size_t column = 0; column < parts.size(); ++column) {
        const std::size_t width = parts[column].size();
        const std::string name = escaped(table.columns[column]);
        names += width == 1 ? " & " + name
                            : fmt::format(" & \\multicolumn{{{}}}{{c}}{{{}}}", width, name);
        if (width > 1)
            rules += fmt::format("\\cmidrule(lr){{{}-{}}}", position, position + width - 1);
        for (const Part& part : parts[column]) part_names += fmt::format(" & {}", part.heading);
        position += width;
    }
    if (!table.has_published()) return names + " \\\\\n";
    return fmt::format("{} \\\\\n{}{}{} \\\\\n", names, rules, rules.empty() ? "" : "\n",
                       part_names);
}

std::string foot_of(const Table& table) {
    std::string text = escaped(explain_cells(table, CellLayout::columns)) + "\n";
    for (std::size_t i = 0; i < table.notes.size(); ++i) {
        text += style.raised(note_mark(i)) + "\\," + escaped(table.notes[i]) + ".\n";
    }
    if (!table.citations.empty()) text += "Published numbers:";
    for (const std::string& citation : table.citations) {
        text += (&citation == &table.citations.front() ? " " : "; ") + escaped(citation);
    }
    return table.citations.empty() ? text : text + ".\n";
}

}  // namespace

std::string render_latex(const Table& table) {
    std::vector<std::vector<Part>> parts;
    std::size_t width = 1;
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
        width += parts.emplace_back(parts_of(table, column)).size();
    }
    std::string text = fmt::format(
        "% needs \\usepackage{{booktabs}}\n"
        "\\begin{{table}}\n\\centering\n\\small\n\\setlength{{\\tabcolsep}}{{4pt}}\n"
        "\\caption{{{}.{}{}}}\n\\begin{{tabular}}{{l{}}}\n\\toprule\n{}",
        escaped(table.title), table.caption.empty() ? "" : " ", escaped(table.caption),
        std::string(width - 1, 'c'), heading_of(table, parts));
    std::string group;
    bool begun = false;
    for (const TableRow& row : table.rows) {
        if (!begun || row.group != group) text += "\\midrule\n";
        if (row.group != group) {
            text += fmt::format("\\multicolumn{{{}}}{{l}}{{\\textit{{{}}}}} \\\\\n", width,
                                escaped(row.group));
        }
        begun = true;
        group = row.group;
        text += escaped(row.label);
        for (std::size_t column = 0; column < parts.size(); ++column) {
            for (const Part& part : parts[column]) {
                const std::string cell = part.text(row.cells[column]);
                text += cell.empty() ? " &" : " & " + cell;
            }
        }
        text += " \\\\\n";
    }
    text += "\\bottomrule\n\\end{tabular}\n\n\\smallskip\n\\raggedright\\footnotesize\n" +
            foot_of(table) + "\\end{table}\n";
    for (const MissingRun& run : table.missing()) text += "% missing: " + run.line() + "\n";
    return text;
}

}  // namespace comq
