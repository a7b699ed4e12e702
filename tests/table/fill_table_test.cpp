#include <cmath>
#include <filesystem>
#include <fstream>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "table/made_runs.hpp"
#include "table/table.hpp"

using namespace comq;
using Overrides = std::vector<std::string>;
namespace fs = std::filesystem;

namespace {

constexpr const char* two_rows =
    "columns: [{id: vit, label: ViT}]\n"
    "rows:\n"
    "  - {id: comq, label: COMQ, set: {quantization: {method: comq}}}\n"
    "  - {id: rtn, label: RTN, set: {quantization: {method: rtn}}}\n";

Table fill(const std::string& spec, const std::vector<ResultFile>& results) {
    return fill_table(read_table_spec(test::spec_with(spec), {}), results, {});
}

const TableCell& cell(const Table& table, std::size_t row, std::size_t column = 0) {
    return table.rows.at(row).cells.at(column);
}

std::vector<std::string> notes(const Table& table, const TableValue& value) {
    std::vector<std::string> texts;
    for (const std::size_t note : value.notes) texts.push_back(table.notes.at(note));
    return texts;
}

}  // namespace

TEST_CASE("runs find their cells by what they contain") {
    const auto folder = test::temporary_folder();
    const Table table =
        fill(two_rows, {test::result_of(folder, "x.h5", {.right = 90}),
                        test::result_of(folder, "y.h5", {{"quantization.method=rtn"}, 80}),
                        test::result_of(folder, "z.h5", {{"quantization.bits=3"}, 70})});
    REQUIRE(table.rows.size() == 2);
    CHECK(cell(table, 0).ours->value == Approx(90));
    CHECK(cell(table, 0).ours->standard_error == Approx(3));
    CHECK(cell(table, 0).files.at(0).filename() == "x.h5");
    CHECK(cell(table, 1).ours->value == Approx(80));
    CHECK(cell(table, 0).ours->best);
    CHECK_FALSE(cell(table, 1).ours->best);
    CHECK(table.missing().empty());
    CHECK(table.notes.empty());
}

TEST_CASE("a run that did something else to the network than the cell says fills nothing") {
    const auto folder = test::temporary_folder();
    for (const char* other : {"quantization.sweeps=7", "repair.norm_tuning=labels",
                              "calibration.weighting=fisher", "calibration.precision=bfloat16"}) {
        INFO(other);
        const Table table = fill(two_rows, {test::result_of(folder, "x.h5", {{other}, 90})});
        CHECK_FALSE(cell(table, 0).ours.has_value());
    }
}

TEST_CASE("seeds are averaged, and a seed that is missing is named by its command") {
    const auto folder = test::temporary_folder();
    std::vector<ResultFile> results{
        test::result_of(folder, "x.h5", {{"seed=0"}, 80}),
        test::result_of(folder, "y.h5", {{"seed=1"}, 84}),
        test::result_of(folder, "copy of y.h5", {{"seed=1"}, 84}),
    };
    const std::string spec = std::string("seeds: [0, 1, 2]\n") + two_rows;
    const Table table = fill(spec, results);
    CHECK(cell(table, 0).ours->value == Approx(82));
    CHECK(cell(table, 0).ours->standard_error == Approx(2));
    CHECK(cell(table, 0).ours->runs == 2);
    REQUIRE(cell(table, 0).missing.size() == 1);
    CHECK(cell(table, 0).missing[0].command() ==
          "run_experiment configs/demo_vit_4bit.yaml quantization.method=comq seed=2 --output "
          "results/table_test/comq_vit_seed2.h5");
    CHECK(table.missing().size() == 2);
}

TEST_CASE("a run of one seed fills a cell whose runs draw nothing") {
    const auto folder = test::temporary_folder();
    const std::string spec =
        "seeds: [3, 4]\n"
        "columns: [{id: vit, label: ViT}]\n"
        "rows: [{id: rtn, label: RTN, set: {quantization: {method: rtn}}}]\n";
    const auto missing = fill(spec, {}).missing();
    REQUIRE(missing.size() == 1);
    CHECK_THAT(missing[0].command(), ContainsSubstring("seed=3"));
    const auto run = test::result_of(folder, "x.h5", {{"quantization.method=rtn", "seed=9"}, 80});
    CHECK(fill(spec, {run}).missing().empty());
    // A draw of evaluation images is another one for each seed.
    CHECK(fill("set: {evaluation: {images: 50}}\n" + spec, {}).missing().size() == 2);
}

TEST_CASE("two files that claim a cell and differ by more than the seed are refused") {
    const auto folder = test::temporary_folder();
    const auto base = test::result_of(folder, "base.h5", {.right = 80});
    const auto refused = [&](const test::MadeRun& other, const std::string& reason) {
        INFO(reason);
        const std::vector<ResultFile> results{base, test::result_of(folder, "other.h5", other)};
        CHECK_THROWS_AS(fill(two_rows, results), InputError);
        CHECK_THROWS_WITH(fill(two_rows, results), ContainsSubstring("cell comq/vit: ") &&
                                                       ContainsSubstring("base.h5 and ") &&
                                                       ContainsSubstring("other.h5 both fill it") &&
                                                       ContainsSubstring("--results FOLDER") &&
                                                       ContainsSubstring(reason));
    };
    refused({{"calibration.images=64", "seed=1"}}, "calibration.images (256, 64)");
    refused({.overrides = {"seed=1"}, .checkpoint = "another"}, "the checkpoint");
    refused({.overrides = {"seed=1"}, .images = 50}, "the evaluation images");
    // A key that the table names tells them apart.
    const std::string strict = std::string("set: {calibration: {images: 256}}\n") + two_rows;
    CHECK_NOTHROW(
        fill(strict, {base, test::result_of(folder, "other.h5", {{"calibration.images=64"}})}));
}

TEST_CASE("two runs of one seed are compared whatever seed comes first") {
    const auto folder = test::temporary_folder();
    const Overrides first{"evaluation.images=50"};
    const Overrides second{"evaluation.images=50", "seed=1"};
    std::vector<ResultFile> results{test::result_of(folder, "a.h5", {first, 40, 50}),
                                    test::result_of(folder, "b.h5", {second, 40, 50})};
    const Table table = fill(two_rows, results);
    CHECK(cell(table, 0).ours->runs == 2);
    results.push_back(test::result_of(folder, "c.h5", {second, 40, 60}));
    CHECK_THROWS_WITH(fill(two_rows, results), ContainsSubstring("b.h5 and ") &&
                                                   ContainsSubstring("c.h5 both fill it") &&
                                                   ContainsSubstring("the evaluation images"));
}

TEST_CASE("columns that differ in their checkpoint only take the runs of it") {
    const auto folder = test::temporary_folder();
    const auto a = (folder / "a.safetensors").string();
    const auto b = (folder / "b.safetensors").string();
    const std::vector<ResultFile> results{
        test::result_of(folder, "x.h5", {{"model.weights=" + a}, 80, 100, "of a"}),
        test::result_of(folder, "y.h5", {{"model.weights=" + b}, 70, 100, "of b"})};
    const auto column = [](const std::string& id, const std::string& set) {
        return "  - {id: " + id + ", label: " + id + ", set: {model: {" + set + "}}}\n";
    };
    const auto fill_columns = [&](const std::string& set_a, const std::string& set_b) {
        return fill("columns:\n" + column("a", set_a) + column("b", set_b) +
                        "rows:\n"
                        "  - {id: comq, label: COMQ, set: {quantization: {method: comq}}}\n"
                        "  - {id: fp, label: FP, measure: full_precision_top1}\n",
                    results);
    };
    const auto check = [](const Table& table) {
        CHECK(cell(table, 0, 0).ours->value == Approx(80));
        CHECK(cell(table, 0, 1).ours->value == Approx(70));
        CHECK(cell(table, 1, 0).files.at(0).filename() == "x.h5");
        CHECK(cell(table, 1, 1).files.at(0).filename() == "y.h5");
        CHECK(table.missing().empty());
    };
    SECTION("by name where they are not on this machine") {
        check(fill_columns("weights: elsewhere/a.safetensors", "weights: elsewhere/b.safetensors"));
    }
    SECTION("by their content where they are") {
        const auto renamed = test::file_with("renamed", "of a").string();
        std::ofstream(b) << "of b";
        check(fill_columns("weights: " + renamed, "weights: " + b));
        const auto other = test::file_with("b.safetensors", "another of that name").string();
        const Table table = fill_columns("weights: " + renamed, "weights: " + other);
        CHECK(cell(table, 0, 0).ours.has_value());
        CHECK_FALSE(cell(table, 0, 1).ours.has_value());
    }
    SECTION("by their digest") {
        check(fill_columns("sha256: " + sha256_hex("of a"), "sha256: " + sha256_hex("of b")));
    }
}

TEST_CASE("keys that a table names decide, paths and resources too") {
    const auto folder = test::temporary_folder();
    const std::vector<ResultFile> results{test::result_of(
        folder, "x.h5",
        {{"data.layout=imagefolder", "data.evaluation=/x/val", "data.calibration=/x/train",
          "resources.threads=2", "resources.cache=/x/cache"}})};
    const auto fills = [&](const std::string& set, const std::string& measure = "top1") {
        const Table table =
            fill("measure: " + measure + "\nset: {" + set + "}\n" + two_rows, results);
        return cell(table, 0).ours.has_value();
    };
    CHECK(
        fills("data: {layout: imagefolder, calibration: /x/train, evaluation: /x/val}, resources: "
              "{threads: 2}"));
    CHECK_FALSE(fills("data: {layout: imagefolder, calibration: /x/train, evaluation: /y/val}"));
    CHECK_FALSE(fills("resources: {threads: 4}"));
    // Where results and caches lie tells no runs apart.
    CHECK(fills("resources: {cache: /y/cache, cache_limit: 1GB}, output: {file: y.h5}"));
    CHECK(fills("resources: {cache: null}"));
    // But a run that may have taken its work from a cache did not spend the time.
    CHECK(fills("resources: {threads: 2}", "solve_seconds"));
    CHECK_FALSE(fills("resources: {cache: null}", "solve_seconds"));
}

TEST_CASE("times are averaged over repetitions on one machine only") {
    const auto folder = test::temporary_folder();
    const std::string spec = std::string("measure: solve_seconds\n") + two_rows;
    const auto base = test::result_of(folder, "base.h5", {});
    const Table table = fill(spec, {base, test::result_of(folder, "again.h5", {})});
    CHECK(cell(table, 0).ours->runs == 2);
    CHECK(cell(table, 0).ours->value == Approx(0.75));
    CHECK_THROWS_WITH(fill(spec, {base, test::result_of(folder, "other.h5", {.cpu = "Other CPU"})}),
                      ContainsSubstring("the processor"));
}

TEST_CASE("any run gives the accuracy of the full-precision network") {
    const auto folder = test::temporary_folder();
    const std::string spec =
        "seeds: [0, 1]\n"
        "columns: [{id: vit, label: ViT}]\n"
        "rows: [{id: fp, label: FP, measure: full_precision_top1}]\n";
    const Table table =
        fill(spec, {test::result_of(folder, "x.h5", {{"quantization.bits=2", "seed=5"}, 10}),
                    test::result_of(folder, "y.h5", {{"quantization.method=rtn"}, 20})});
    CHECK(cell(table, 0).ours->value == Approx(95));
    CHECK(cell(table, 0).ours->runs == 1);
    CHECK(cell(table, 0).missing.empty());
    const Table empty = fill(spec, {});
    REQUIRE(empty.missing().size() == 1);
    CHECK_THAT(empty.missing()[0].command(), ContainsSubstring("quantization.method=none"));
}

TEST_CASE("published and own numbers are compared in their own setting only") {
    const auto folder = test::temporary_folder();
    const std::string spec =
        "setting: {evaluation_images: 100, layers: default, uses_labels: no}\n"
        "columns: [{id: vit, label: ViT}]\n"
        "rows:\n"
        "  - {id: fp, label: FP, measure: full_precision_top1}\n"
        "  - {id: comq, label: COMQ, set: {quantization: {method: comq}}}\n"
        "  - {id: tuned, label: Tuned}\n"
        "sources: [{id: paper, citation: A paper}]\n"
        "published:\n"
        "  - {row: fp, source: paper, values: {vit: 95.05}}\n"
        "  - {row: comq, source: paper, values: {vit: 88}}\n"
        "  - {row: tuned, source: paper, values: {vit: 93}, setting: {uses_labels: yes}}\n";
    SECTION("of one setting") {
        const Table table = fill(spec, {test::result_of(folder, "x.h5", {.right = 90})});
        CHECK(*cell(table, 1).difference() == Approx(2));
        CHECK(cell(table, 1).ours->best);
        CHECK_FALSE(cell(table, 1).published->best);
        // It used labels, so it is marked and no candidate for the best.
        CHECK_FALSE(cell(table, 2).published->best);
        CHECK(notes(table, *cell(table, 2).published) ==
              std::vector<std::string>{"with labels of training images; elsewhere without labels"});
        CHECK(table.citations == std::vector<std::string>{"A paper"});
    }
    SECTION("on other images") {
        const Table table =
            fill(spec, {test::result_of(folder, "x.h5", {.right = 46, .images = 50})});
        CHECK_FALSE(cell(table, 1).difference().has_value());
        CHECK_FALSE(cell(table, 1).ours->best);
        CHECK(notes(table, *cell(table, 1).ours) ==
              std::vector<std::string>{"evaluated on 50 images, not 100"});
    }
}

TEST_CASE("a row with other images or another checkpoint than its column is marked") {
    const auto folder = test::temporary_folder();
    const Table table = fill(
        two_rows, {test::result_of(folder, "x.h5", {.right = 90}),
                   test::result_of(folder, "y.h5",
                                   {{"quantization.method=rtn"}, 40, 50, "another checkpoint"})});
    CHECK(notes(table, *cell(table, 1).ours) ==
          std::vector<std::string>{"other evaluation images than above in this column",
                                   "another checkpoint than above in this column"});
    CHECK_FALSE(cell(table, 0).ours->best);  // nothing is left to compare it with
}

TEST_CASE("blocks repeat the rows with their own keys, and empty rows are left out") {
    const auto folder = test::temporary_folder();
    const Table table = fill(
        "columns: [{id: vit, label: ViT}]\n"
        "groups:\n"
        "  - {id: w4, label: 4 bits, set: {quantization: {bits: 4}}}\n"
        "  - {id: w3, label: 3 bits, set: {quantization: {bits: 3}}}\n"
        "rows:\n"
        "  - {id: fp, label: FP, measure: full_precision_top1, groups: []}\n"
        "  - {id: comq, label: COMQ, set: {quantization: {method: comq}}}\n"
        "  - {id: erq, label: ERQ}\n"
        "sources: [{id: paper, citation: A paper}]\n"
        "published: [{row: erq, group: w3, source: paper, values: {vit: 50}}]\n",
        {test::result_of(folder, "x.h5", {{"quantization.bits=3"}, 70})});
    REQUIRE(table.rows.size() == 4);
    CHECK(table.rows[0].group.empty());
    CHECK(table.rows[1].group == "4 bits");
    CHECK(table.rows[2].group == "3 bits");
    CHECK(table.rows[3].label == "ERQ");
    CHECK_FALSE(cell(table, 1).ours.has_value());
    CHECK(cell(table, 2).ours->best);
}

TEST_CASE("a cell whose config can't be resolved names the cell") {
    CHECK_THROWS_WITH(
        fill("columns: [{id: vit, label: ViT, config: configs/none.yaml}]\n"
             "rows: [{id: comq, label: COMQ, set: {quantization: {method: comq}}}]\n",
             {}),
        ContainsSubstring("table_test.yaml: cell comq/vit: ") && ContainsSubstring("none.yaml"));
}

TEST_CASE("runs are averaged with the standard error of their mean") {
    const Measurement mean = mean_of({{70, 3}, {71, 3}, {75, 3}});
    CHECK(mean.value == Approx(72));
    // Sample variance ((−2)² + (−1)² + 3²) / 2 = 7, over 3 runs.
    CHECK(mean.standard_error == Approx(std::sqrt(7.0 / 3)));
    CHECK(mean_of({{70, 3}}).standard_error == 3);
}
