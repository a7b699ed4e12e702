#include <nlohmann/json.hpp>

#include "support/assets.hpp"
#include "support/catch.hpp"
#include "table/cell_text.hpp"
#include "table/render.hpp"

using namespace comq;

namespace {

/** A table with every kind of cell. */
Table sample_table() {
    Table table;
    table.title = "Weights & 50%";
    table.caption = "Top-1";
    table.column_ids = {"a", "b_1"};
    table.columns = {"DeiT-S", "Swin_T"};
    table.notes = {"evaluated on 500 images, not 50000", "non-uniform <codes>"};
    table.citations = {"A paper (arXiv 1, #2)"};
    TableCell both;
    both.published = TableValue{.value = 78.98};
    both.source = "paper";
    both.ours =
        TableValue{.value = 79.1, .standard_error = 0.054, .runs = 3, .notes = {}, .best = true};
    both.comparable = true;
    both.files = {"results/a,b.h5"};
    TableCell marked;
    marked.published = TableValue{
        .value = 80, .standard_error = not_measured, .runs = 0, .notes = {1}, .best = false};
    marked.ours =
        TableValue{.value = 70, .standard_error = 2, .runs = 1, .notes = {0, 1}, .best = false};
    marked.missing = {
        {"configs/x.yaml", {setting_of("seed", "1"), setting_of("a", "1 2")}, "results/t/x.h5"}};
    table.rows = {{"comq", "COMQ", "", {both, marked}}, {"rtn", "RTN", "3 bits", {{}, both}}};
    table.rows[1].cells[1].published->value = 80.25;
    return table;
}

}  // namespace

TEST_CASE("Markdown shows published, ours, difference, marks and missing runs") {
    const std::string text = render_markdown(sample_table());
    CHECK_THAT(text, ContainsSubstring("| | DeiT-S | Swin\\_T |\n") ||
                         ContainsSubstring("|  | DeiT-S | Swin\\_T |\n"));
    CHECK_THAT(text, ContainsSubstring("| COMQ | 78.98 / **79.10** ± 0.05 / +0.12 | "
                                       "80.00<sup>b</sup> / 70.00 ± 2.00<sup>a,b</sup> / – |\n"));
    CHECK_THAT(text, ContainsSubstring("| **3 bits** |  |  |\n"));
    CHECK_THAT(text, ContainsSubstring("| RTN | – | 80.25 / **79.10** ± 0.05 / −1.15 |\n"));
    CHECK_THAT(text, ContainsSubstring("<sup>a</sup> evaluated on 500 images, not 50000"));
    CHECK_THAT(text, ContainsSubstring("- A paper (arXiv 1, #2)\n"));
    CHECK_THAT(text, ContainsSubstring("Missing runs (1):") &&
                         ContainsSubstring("run_experiment configs/x.yaml seed=1 'a=1 2' "
                                           "--output results/t/x.h5\n"));
}

TEST_CASE("the foot of a table explains what its cells have, and no more") {
    const std::string all = explain_cells(sample_table());
    CHECK_THAT(
        all,
        ContainsSubstring("A cell: published / ours / ours less published") &&
            ContainsSubstring("± is one standard error of the mean over several runs.") &&
            ContainsSubstring("Of a single run ± is one standard error over the "
                              "evaluation images.") &&
            ContainsSubstring("Bold: the best of its block and column, marked numbers apart."));
    Table plain;
    plain.rows = {{"fp", "FP", "", {{}}}};
    plain.rows[0].cells[0].ours = TableValue{.value = 1, .standard_error = 0.5, .runs = 1};
    CHECK(explain_cells(plain) == "± is one standard error over the evaluation images.");
    plain.rows[0].cells[0].ours->standard_error = not_measured;
    CHECK(explain_cells(plain).empty());
}

TEST_CASE("a table without published numbers shows ours alone") {
    Table table = sample_table();
    table.citations.clear();
    CHECK_THAT(render_markdown(table), ContainsSubstring("| COMQ | **79.10** ± 0.05 | 70.00"));
}

TEST_CASE("CSV has a line for each cell with everything that is known of it") {
    const std::string text = render_csv(sample_table());
    CHECK_THAT(text, ContainsSubstring("\n,comq,COMQ,a,top1,78.98,paper,,79.1,0.054,3,,0.12,"));
    CHECK_THAT(text, ContainsSubstring("\"results/a,b.h5\""));
    CHECK_THAT(text, ContainsSubstring("\"evaluated on 500 images, not 50000; non-uniform "
                                       "<codes>\""));
    CHECK(std::count(text.begin(), text.end(), '\n') == 5);
    const auto header = text.substr(0, text.find('\n'));
    const auto empty_cell = text.substr(text.find("3 bits,rtn,RTN,a"));
    const auto line = empty_cell.substr(0, empty_cell.find('\n'));
    CHECK(std::count(line.begin(), line.end(), ',') ==
          std::count(header.begin(), header.end(), ','));
}

TEST_CASE("HTML is a page with escaped text") {
    const std::string text = render_html(sample_table());
    CHECK_THAT(text, ContainsSubstring("<title>Weights &amp; 50%</title>"));
    CHECK_THAT(text, ContainsSubstring("non-uniform &lt;codes&gt;"));
    CHECK_THAT(text, ContainsSubstring("<strong>79.10</strong> ± 0.05"));
    CHECK_THAT(text, ContainsSubstring("<td colspan=\"3\">3 bits</td>"));
}

TEST_CASE("JSON has every cell with what is known of it") {
    const auto json = nlohmann::json::parse(render_json(sample_table()));
    CHECK(json["title"] == "Weights & 50%");
    CHECK(json["columns"][1] == nlohmann::json({{"id", "b_1"}, {"label", "Swin_T"}}));
    const auto& both = json["rows"][0]["cells"][0];
    CHECK(json["rows"][0]["group"].is_null());
    CHECK(both["column"] == "a");
    CHECK(both["ours"]["value"] == 79.1);
    CHECK(both["ours"]["standard_error"] == 0.054);
    CHECK(both["ours"]["runs"] == 3);
    CHECK(both["published"]["standard_error"].is_null());
    CHECK(both["files"][0] == "results/a,b.h5");
    const auto& marked = json["rows"][0]["cells"][1];
    CHECK(marked["difference"].is_null());
    CHECK(marked["ours"]["notes"][0] == "evaluated on 500 images, not 50000");
    CHECK(marked["missing"][0]["overrides"][0] == "seed=1");
    CHECK(json["rows"][1]["cells"][0]["ours"].is_null());
    CHECK(json["missing"].size() == 1);
}

TEST_CASE("notes are marked a to z, then aa") {
    CHECK(note_mark(0) == "a");
    CHECK(note_mark(25) == "z");
    CHECK(note_mark(26) == "aa");
    CHECK(note_mark(53) == "bb");
}
