#include <string>

#include "support/catch.hpp"
#include "table/render.hpp"

using namespace comq;

namespace {

TableCell ours(double value) {
    TableCell cell;
    cell.ours = TableValue{.value = value, .standard_error = 0.054, .runs = 3};
    return cell;
}

TableCell published(double value) {
    TableCell cell;
    cell.published = TableValue{.value = value};
    cell.source = "paper";
    return cell;
}

TableCell compared() {
    TableCell cell = ours(79.1);
    cell.published = TableValue{.value = 80.25};
    cell.comparable = true;
    return cell;
}

/** One column of published numbers and ours, one of published numbers alone, two blocks. */
Table sample_table() {
    Table table;
    table.title = "Weights & 50%";
    table.caption = "Top-1";
    table.column_ids = {"a", "b"};
    table.columns = {"DeiT-S", "Swin_T"};
    table.notes = {"non-uniform <codes>"};
    table.citations = {"A paper (arXiv 1, #2)"};
    table.rows = {{"fp", "FP", "", {ours(81), {}}},
                  {"comq", "[COMQ]", "4 bits", {compared(), published(78)}},
                  {"rtn", "*RTN", "3 bits", {{}, published(70.5)}}};
    table.rows[1].cells[0].ours->best = true;
    table.rows[2].cells[1].published->notes = {0};
    table.rows[2].cells[0].missing = {
        {"configs/x.yaml", {setting_of("seed", "1")}, "results/t/x.h5"}};
    return table;
}

}  // namespace

TEST_CASE("LaTeX names its package and has the rules of booktabs") {
    const std::string text = render_latex(sample_table());
    CHECK(text.starts_with("% needs \\usepackage{booktabs}\n\\begin{table}\n"));
    CHECK_THAT(text, ContainsSubstring("\\begin{tabular}{lcccc}\n\\toprule\n") &&
                         ContainsSubstring("\\bottomrule\n\\end{tabular}\n") &&
                         !ContainsSubstring("\\hline"));
    CHECK_THAT(text,
               ContainsSubstring("\\midrule\n\\multicolumn{5}{l}{\\textit{4 bits}} \\\\\n{[}COMQ"));
}

TEST_CASE(
    "published, ours and difference have columns of their own in LaTeX, where there are any") {
    const std::string text = render_latex(sample_table());
    CHECK_THAT(text, ContainsSubstring(" & \\multicolumn{3}{c}{DeiT-S} & Swin\\_T \\\\\n"
                                       "\\cmidrule(lr){2-4}\n"
                                       " & published & ours & difference & published \\\\\n"));
    CHECK_THAT(text,
               ContainsSubstring(" & 80.25 & \\textbf{79.10}\\,$\\pm$\\,0.05 & $-$1.15 & 78.00"));
    CHECK_THAT(text, ContainsSubstring("Difference: ours less published") &&
                         !ContainsSubstring("A cell:"));
    Table own = sample_table();
    own.citations.clear();
    own.rows = {{"fp", "FP", "", {ours(81), ours(82)}}};
    CHECK_THAT(render_latex(own), ContainsSubstring("{lcc}\n\\toprule\n & DeiT-S & Swin\\_T \\\\\n"
                                                    "\\midrule\nFP & 81.00"));
}

TEST_CASE("a cell without a number is empty in LaTeX") {
    const std::string text = render_latex(sample_table());
    CHECK_THAT(text, ContainsSubstring("FP & & 81.00\\,$\\pm$\\,0.05 & & \\\\\n"));
    CHECK_THAT(text, ContainsSubstring("{*}RTN & & & & 70.50$^{\\mathrm{a}}$ \\\\\n"));
    CHECK_THAT(text, ContainsSubstring("% missing: run_experiment configs/x.yaml"));
}

TEST_CASE("LaTeX escapes what is special to it") {
    CHECK_THAT(render_latex(sample_table()),
               ContainsSubstring("\\caption{Weights \\& 50\\%. Top-1}") &&
                   ContainsSubstring("non-uniform $<$codes$>$"));
    Table table = sample_table();
    table.columns[0] = "\\{}%&#_$~^|\"";
    CHECK_THAT(render_latex(table),
               ContainsSubstring("\\textbackslash{}\\{\\}\\%\\&\\#\\_\\$\\textasciitilde{}"
                                 "\\textasciicircum{}$|$''"));
}
