// Cells that show figures of a further set of images.
#include "core/errors.hpp"
#include "results/run_file.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "table/made_runs.hpp"
#include "table/table.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

constexpr const char* rows =
    "set: {evaluation: {sets: [{name: v2, data: {layout: demo}, images: 50}]}}\n"
    "setting: {evaluation_images: 100}\n"
    "columns: [{id: vit, label: ViT}]\n"
    "rows:\n"
    "  - {id: comq, label: COMQ, set: {quantization: {method: comq}}}\n"
    "  - {id: comq_v2, label: on V2, measure: top1@v2, set: {quantization: {method: comq}}}\n"
    "  - {id: rtn_v2, label: on V2, measure: top1@v2, set: {quantization: {method: rtn}}}\n"
    "  - {id: full, label: full, measure: full_precision_top1@v2}\n";

const std::string sets = "evaluation.sets=[{name: v2, data: {layout: demo}, images: 50}]";

/** A run whose quantized network is right on so many of 50 images of a set. */
ResultFile run_on_set(const fs::path& folder, const std::string& name, const test::MadeRun& made,
                      int64_t right, const std::string& images = "v2") {
    RunRecord run = test::record_of(made);
    SetRecord& set = run.sets.emplace_back();
    set.name = "v2";
    set.images = images;
    test::MadeRun on_set = made;
    on_set.right = right;
    on_set.images = 50;
    const RunRecord of_set = test::record_of(on_set);
    static_cast<Evaluations&>(set) = of_set;
    run.identity += images;
    write_run_file(folder / name, run);
    return read_result(folder / name);
}

Table fill(const std::string& spec, const std::vector<ResultFile>& results) {
    return fill_table(read_table_spec(test::spec_with(spec), {}), results, {});
}

}  // namespace

TEST_CASE("a cell may measure a set") {
    const auto folder = test::temporary_folder();
    const Table table =
        fill(rows, {run_on_set(folder, "a.h5", {{"quantization.method=comq", sets}}, 30),
                    run_on_set(folder, "b.h5", {{"quantization.method=rtn", sets}}, 20)});
    REQUIRE(table.rows.size() == 4);
    CHECK(table.rows[0].cells[0].ours->value == Approx(90));
    CHECK(table.rows[1].cells[0].ours->value == Approx(60));
    CHECK(table.rows[2].cells[0].ours->value == Approx(40));
    CHECK(table.rows[3].cells[0].ours->value == Approx(94));
    // The best among those of its own measure, and another number of images is no reason.
    CHECK(table.rows[1].cells[0].ours->best);
    CHECK_FALSE(table.rows[0].cells[0].ours->best);
    CHECK(table.notes.empty());
}

TEST_CASE("runs with and without sets fill the same cell of the main images") {
    const auto folder = test::temporary_folder();
    const std::string main_only =
        "columns: [{id: vit, label: ViT}]\n"
        "rows: [{id: comq, label: COMQ, set: {quantization: {method: comq}}}]\n";
    const auto plain = test::result_of(folder, "plain.h5", {{"quantization.method=comq"}, 90});
    const auto more = run_on_set(folder, "more.h5", {{"quantization.method=comq", sets}, 90}, 30);
    CHECK(fill(main_only, {plain, more}).rows[0].cells[0].ours->value == Approx(90));
}

TEST_CASE("runs on other images of a set of the same name are told apart") {
    const auto folder = test::temporary_folder();
    const auto one = run_on_set(folder, "a.h5", {{"quantization.method=comq", sets}}, 30);
    const auto other = run_on_set(folder, "b.h5", {{"quantization.method=comq", sets}}, 31, "x");
    CHECK_THROWS_WITH(fill(rows, {one, other}), ContainsSubstring("the images of the set v2"));
}

TEST_CASE("a measure of no set, or of one that the config lacks, is an error") {
    const std::string rows_of =
        "columns: [{id: vit, label: ViT}]\nrows: [{id: a, label: A, measure: ";
    const std::string end = ", set: {quantization: {method: comq}}}]\n";
    CHECK_THROWS_WITH(fill(rows_of + "top1@v2" + end, {}),
                      ContainsSubstring("top1@v2 is measured on a set 'v2', which "
                                        "evaluation.sets of its config does not name"));
    CHECK_THROWS_AS(fill(rows_of + "seconds@v2" + end, {}), UsageError);
    CHECK_THROWS_AS(fill(rows_of + "top2@v2" + end, {}), UsageError);
}
