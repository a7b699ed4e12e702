#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "core/child_process.hpp"
#include "results/run_file.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "table/made_runs.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

struct Outcome {
    int exit_code = -1;
    std::string output;  ///< of both streams
};

/** Runs make_tables in `folder`. */
Outcome make_tables(const fs::path& folder, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"/usr/bin/env", "-C", folder.string(),
                                         fmt::format("{}/make_tables", COMQ_PROGRAMS)});
    const auto output = test::temporary_folder() / "output";
    const int exit_code = ChildProcess(arguments, output).wait();
    return {exit_code, test::text_of(output)};
}

}  // namespace

TEST_CASE("every shipped table is printed on a machine without any result") {
    const auto folder = test::temporary_folder();
    int tables = 0;
    for (const auto& entry : fs::directory_iterator(test::source_dir() / "experiments")) {
        if (!entry.path().filename().string().starts_with("table_")) continue;
        const auto outcome =
            make_tables(folder, {"experiments/" + entry.path().filename().string()});
        INFO(entry.path() << "\n" << outcome.output);
        CHECK(outcome.exit_code == 0);
        CHECK_THAT(outcome.output, ContainsSubstring("Missing runs ("));
        ++tables;
    }
    CHECK(tables >= 8);
}

TEST_CASE("the table of transformers prints the published cells without ImageNet") {
    const auto outcome =
        make_tables(test::temporary_folder(), {"experiments/table_vit.yaml", "--format", "md"});
    CHECK(outcome.exit_code == 0);
    CHECK_THAT(outcome.output, ContainsSubstring("| COMQ (authors\\_code) | **78.98** / – / – | "
                                                 "81.40 / – / – |"));
}

TEST_CASE("a result turns up in its table, and -o writes a file") {
    const auto folder = test::temporary_folder();
    write_run_file(folder / "results" / "any name.h5", test::record_of({.right = 90}));
    const auto outcome =
        make_tables(folder, {"experiments/table_demo.yaml", "--format", "csv", "-o", "t.csv"});
    INFO(outcome.output);
    CHECK(outcome.exit_code == 0);
    CHECK_THAT(test::text_of(folder / "t.csv"),
               ContainsSubstring("4 bits,comq_paper,COMQ (paper),demo_vit,top1,,,,90,3,1,"));
}

TEST_CASE("a row of a peer's method takes its files and lists its script") {
    const auto folder = test::temporary_folder();
    write_run_file(folder / "results" / "peer.h5",
                   test::record_of({.overrides = {"quantization.method=brevitas_gptq"}}));
    const auto spec = test::spec_with(
        "columns: [{id: vit, label: ViT}]\n"
        "rows:\n"
        "  - {id: gptq, label: Brevitas, set: {quantization: {method: brevitas_gptq}}}\n"
        "  - {id: qronos, label: Qronos, set: {quantization: {method: brevitas_qronos}}}\n");
    const auto outcome = make_tables(folder, {spec.string()});
    INFO(outcome.output);
    CHECK(outcome.exit_code == 0);
    CHECK_THAT(outcome.output,
               ContainsSubstring("| Brevitas | 90.00") &&
                   ContainsSubstring("scripts/compare_peers.py configs/demo_vit_4bit.yaml "
                                     "quantization.method=brevitas_qronos --output "
                                     "results/table_test"));
}

TEST_CASE("missing runs of a table fill it from nothing by one command") {
    const auto folder = test::temporary_folder();
    const auto spec = test::spec_with(
        "seeds: [0, 1]\n"
        "set: {model: {name: demo_cnn}, calibration: {images: 8}, evaluation: {images: 60}}\n"
        "columns: [{id: cnn, label: CNN}]\n"
        "rows:\n"
        "  - {id: fp, label: FP, measure: full_precision}\n"
        "  - {id: rtn, label: RTN, set: {quantization: {method: rtn}}}\n");
    const auto outcome = make_tables(folder, {spec.string(), "--run-missing", "-o", "table.md"});
    INFO(outcome.output);
    CHECK(outcome.exit_code == 0);
    const std::string table = test::text_of(folder / "table.md");
    CHECK_THAT(table, ContainsSubstring("± is one standard error of the mean over several runs.") &&
                          !ContainsSubstring("Missing runs"));
}

TEST_CASE("a sweep that fails keeps no other from filling the table") {
    const auto folder = test::temporary_folder();
    const std::string network = "model: {name: demo_cnn}\ndata: {layout: demo}\n";
    // By name the one whose network is not the expected one comes first.
    std::ofstream(folder / "a.yaml") << network << "evaluation: {expected_top1: 5}\n";
    std::ofstream(folder / "b.yaml") << network;
    const auto spec = test::spec_with(fmt::format(
        "set: {{calibration: {{images: 8}}, evaluation: {{images: 60}}}}\n"
        "columns:\n"
        "  - {{id: a, label: A, config: {0}/a.yaml, set: {{calibration: {{holdout: 1}}}}}}\n"
        "  - {{id: b, label: B, config: {0}/b.yaml, set: {{calibration: {{holdout: 0}}}}}}\n"
        "rows: [{{id: rtn, label: RTN, set: {{quantization: {{method: rtn}}}}}}]\n",
        folder.string()));
    const auto outcome = make_tables(folder, {spec.string(), "--run-missing", "-o", "table.md"});
    INFO(outcome.output);
    CHECK(outcome.exit_code == 1);
    CHECK_THAT(outcome.output, ContainsSubstring("error: run_sweep results/table_test/a.yaml ended "
                                                 "with exit code 1; the same command goes on"));
    const std::string table = test::text_of(folder / "table.md");
    CHECK_THAT(table, ContainsSubstring("Missing runs (1") && ContainsSubstring("/a.yaml") &&
                          !ContainsSubstring("/b.yaml") && ContainsSubstring("± is one"));
}

TEST_CASE("make_tables fails in one clear line with the documented exit code") {
    const auto folder = test::temporary_folder();
    const auto typo =
        make_tables(folder, {test::spec_with("colums: []\nrows: [{id: a, label: A}]\n").string()});
    CHECK(typo.exit_code == 2);
    CHECK_THAT(typo.output, ContainsSubstring("table_test.yaml:3: key 'colums'"));
    const auto missing = make_tables(folder, {"experiments/table_none.yaml"});
    CHECK(missing.exit_code == 2);
    CHECK_THAT(missing.output, ContainsSubstring("table_none.yaml"));
    const auto name = make_tables(
        folder, {test::spec_with("set: {model: {name: demo_vot}}\ncolumns: [{id: a, label: A}]\n"
                                 "rows: [{id: a, label: A}]\n")
                     .string()});
    CHECK_THAT(name.output, ContainsSubstring("(nearest known: 'demo_vit')"));

    const auto nowhere =
        make_tables(folder, {"experiments/table_demo.yaml", "--results", "reslts"});
    CHECK(nowhere.exit_code == 2);
    CHECK_THAT(nowhere.output, ContainsSubstring("--results reslts: there is no such folder"));

    fs::create_directory(folder / "results");
    std::ofstream(folder / "results" / "broken.h5") << "half";
    const auto broken = make_tables(folder, {"experiments/table_demo.yaml"});
    CHECK(broken.exit_code == 3);
    CHECK_THAT(broken.output, ContainsSubstring("results/broken.h5"));
    CHECK(std::count(broken.output.begin(), broken.output.end(), '\n') == 1);
    const auto skipped = make_tables(folder, {"experiments/table_demo.yaml", "--skip-unreadable"});
    CHECK(skipped.exit_code == 0);
    CHECK_THAT(skipped.output, ContainsSubstring("warning: passed over: results/broken.h5"));
}
