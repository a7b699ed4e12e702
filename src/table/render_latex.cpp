#include <fmt/format.h>

#include <array>
#include <string_view>

#include "table/cell_text.hpp"
#include "table/render.hpp"

namespace comq {

namespace {

const CellStyle style{
    .plus_minus = "\\,$\\pm$\\,",
    .minus = "$-$",
    .empty = "--",
    .separator = " / ",
    .bold = [](const std::string& text) { return "\\textbf{" + text + "}"; },
    .raised = [](const std::string& text) { return "$^{\\mathrm{" + text + "}}$"; }};

/** Characters that LaTeX takes for commands, and those that its old fonts lack. */
std::string escaped(std::string_view text) {
    using Replacement = std::pair<std::string_view, std::string_view>;
    constexpr std::array<Replacement, 19> replacements{{{"\\", "\\textbackslash{}"},
                                                        {"{", "\\{"},
                                                        {"}", "\\}"},
                                                        {"%", "\\%"},
                                                        {"&", "\\&"},
                                                        {"#", "\\#"},
                                                        {"_", "\\_"},
                                                        {"$", "\\$"},
                                                        {"~", "\\textasciitilde{}"},
                                                        {"^", "\\textasciicircum{}"},
                                                        {"<", "$<$"},
                                                        {">", "$>$"},
                                                        {"±", "$\\pm$"},
                                                        {"−", "$-$"},
                                                        {"–", "--"},
                                                        {"×", "$\\times$"},
                                                        {"≥", "$\\ge$"},
                                                        {"δ", "$\\delta$"},
                                                        {"→", "$\\to$"}}};
    std::string result;
    while (!text.empty()) {
        std::size_t used = 1;
        std::string_view written = text.substr(0, 1);
        for (const auto& [character, replacement] : replacements) {
            if (!text.starts_with(character)) continue;
            used = character.size();
            written = replacement;
            break;
        }
        result += written;
        text.remove_prefix(used);
    }
    return result;
}

}  // namespace

std::string render_latex(const Table& table) {
    const std::size_t width = table.columns.size() + 1;
    std::string text = fmt::format(
        "\\begin{{table}}\n\\centering\n\\small\n\\setlength{{\\tabcolsep}}{{4pt}}\n"
        "\\renewcommand{{\\arraystretch}}{{1.1}}\n"
        "\\caption{{{}.{}{}}}\n\\begin{{tabular}}{{l{}}}\n\\hline\n",
        escaped(table.title), table.caption.empty() ? "" : " ", escaped(table.caption),
        std::string(table.columns.size(), 'c'));
    for (const std::string& column : table.columns) text += " & " + escaped(column);
    text += " \\\\\n\\hline\n";
    std::string group;
    for (const TableRow& row : table.rows) {
        if (row.group != group) {
            group = row.group;
            text += fmt::format("\\hline\n\\multicolumn{{{}}}{{l}}{{\\textit{{{}}}}} \\\\\n", width,
                                escaped(group));
        }
        text += escaped(row.label);
        for (const TableCell& cell : row.cells) {
            text += " & " + cell_text(cell, table.has_published(), style);
        }
        text += " \\\\\n";
    }
    text += "\\hline\n\\end{tabular}\n\n\\smallskip\n\\raggedright\\footnotesize\n" +
            escaped(explain_cells(table)) + "\n";
    for (std::size_t i = 0; i < table.notes.size(); ++i) {
        text += style.raised(note_mark(i)) + "\\," + escaped(table.notes[i]) + ".\n";
    }
    if (!table.citations.empty()) text += "Published numbers:";
    for (const std::string& citation : table.citations) {
        text += (&citation == &table.citations.front() ? " " : "; ") + escaped(citation);
    }
    text += table.citations.empty() ? "\\end{table}\n" : ".\n\\end{table}\n";
    for (const MissingRun& run : table.missing()) text += "% missing: " + run.command() + "\n";
    return text;
}

}  // namespace comq
