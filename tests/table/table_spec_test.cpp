#include "table/table_spec.hpp"
#include "core/errors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "table/made_runs.hpp"

using namespace comq;

namespace {

const KnownNames known{{"demo_vit", "demo_cnn"}, {"comq", "rtn", "none"}};

TableSpec read(const std::string& text) { return read_table_spec(test::spec_with(text), known); }

const std::string columns_and_rows =
    "columns: [{id: vit, label: ViT}]\n"
    "rows: [{id: comq, label: COMQ, set: {quantization: {method: comq}}}, {id: erq, label: ERQ}]\n";

}  // namespace

TEST_CASE("a table spec is read with everything it sets") {
    const TableSpec spec = read(
        "measure: agreement\n"
        "seeds: [0, 4]\n"
        "setting: {evaluation_images: 2000, layers: default, uses_labels: no}\n"
        "columns: [{id: vit, label: ViT, measure: top5, set: {model: {weights: '${A:-b}/c'}}}]\n"
        "groups: [{id: w4, label: 4 bits, set: {quantization: {bits: 4}}}]\n"
        "rows:\n"
        "  - {id: fp, label: FP, measure: full_precision_top1, groups: []}\n"
        "  - {id: comq, label: COMQ, set: {quantization: {method: comq, sweeps: 2}}}\n"
        "sources: [{id: paper, citation: A paper, setting: {uses_labels: yes}}]\n"
        "published: [{row: comq, group: w4, source: paper, values: {vit: 12.5}}]\n");
    CHECK(spec.measure->name == "agreement");
    CHECK(spec.seeds == std::vector<uint64_t>{0, 4});
    CHECK(*spec.setting.evaluation_images == 2000);
    CHECK(spec.columns[0].measure->name == "top5");
    // Variables are expanded where the run starts.
    CHECK(spec.columns[0].set.find("model.weights")->scalar == "${A:-b}/c");
    CHECK(spec.groups[0].set.find("quantization.bits")->scalar == "4");
    CHECK(spec.rows[1].set.entries.size() == 2);
    CHECK(spec.measure_of(spec.rows[0], nullptr, spec.columns[0]).name == "full_precision_top1");
    CHECK(spec.measure_of(spec.rows[1], &spec.groups[0], spec.columns[0]).name == "top5");
    CHECK(spec.stands_in(spec.rows[0], nullptr));
    CHECK_FALSE(spec.stands_in(spec.rows[0], &spec.groups[0]));
    CHECK(spec.source("paper").setting.uses_labels == LabelUse::yes);
    CHECK(spec.published[0].values[0].value == 12.5);
}

TEST_CASE("a typing error in a table spec is named with its line and the nearest key") {
    CHECK_THROWS_AS(read("colums: []\n"), UsageError);
    CHECK_THROWS_WITH(read("colums: []\n" + columns_and_rows),
                      ContainsSubstring("table_test.yaml:3: key 'colums': unknown key (nearest "
                                        "known: 'columns')"));
    CHECK_THROWS_WITH(read(columns_and_rows + "set: {quantization: {bitz: 3}}\n"),
                      ContainsSubstring("table_test.yaml:5: key 'set.quantization.bitz': unknown "
                                        "key") &&
                          ContainsSubstring("'quantization.bits'"));
    CHECK_THROWS_WITH(read(columns_and_rows + "set: {quantization: {method: comk}}\n"),
                      ContainsSubstring("table_test.yaml:5") && ContainsSubstring("'comq'"));
    CHECK_THROWS_WITH(read(columns_and_rows + "measure: top2\n"),
                      ContainsSubstring("table_test.yaml:5: key 'measure'") &&
                          ContainsSubstring("nearest known: 'top"));
    CHECK_THROWS_WITH(read("columns: [{id: vit}]\nrows: []\n"),
                      ContainsSubstring("table_test.yaml:3: key 'columns[0].label': is required"));
    CHECK_THROWS_WITH(read(columns_and_rows + "set: {seed: 1}\n"),
                      ContainsSubstring("key 'set.seed': is what the table's 'seeds' are for"));
}

TEST_CASE("references of a table spec lead somewhere") {
    const std::string source = "sources: [{id: paper, citation: A paper}]\n";
    const auto published = [&](const std::string& entry) {
        return read(columns_and_rows + source + "published: [" + entry + "]\n");
    };
    CHECK_NOTHROW(published("{row: erq, source: paper, values: {vit: 1}}"));
    CHECK_THROWS_WITH(published("{row: erk, source: paper, values: {vit: 1}}"),
                      ContainsSubstring("table_test.yaml:6: key 'published.row': there is no 'erk' "
                                        "(nearest known: 'erq')"));
    CHECK_THROWS_WITH(published("{row: erq, source: papr, values: {vit: 1}}"),
                      ContainsSubstring("(nearest known: 'paper')"));
    CHECK_THROWS_WITH(published("{row: erq, source: paper, values: {vyt: 1}}"),
                      ContainsSubstring("key 'published.values': there is no 'vyt'"));
    CHECK_THROWS_WITH(published("{row: erq, source: paper, values: {vit: 1}}, "
                                "{row: erq, source: paper, values: {vit: 2}}"),
                      ContainsSubstring("the cell erq/vit has two published numbers"));
    CHECK_THROWS_WITH(
        read("columns: [{id: a, label: A}, {id: a, label: B}]\nrows: [{id: r, label: R}]\n"),
        ContainsSubstring("the id 'a' is used twice"));
}

TEST_CASE("a table whose runs start from no config says so") {
    const auto file = test::file_with("table.yaml", "title: T\n" + columns_and_rows);
    CHECK_THROWS_WITH(read_table_spec(file, known),
                      ContainsSubstring("table.yaml:2: key 'columns.config': is required"));
}

TEST_CASE("a name that a figure had in tables before is read as what it is called now") {
    const auto spec = read("measure: total_seconds\n" + columns_and_rows);
    CHECK(spec.measure->name == "seconds");
    CHECK(read("measure: average_bits\n" + columns_and_rows).measure->name ==
          "average_bits_with_scales");
}
