#include "table/missing_runs.hpp"

#include <fstream>

#include "support/assets.hpp"
#include "support/catch.hpp"
#include "table/cell_text.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

fs::path config_in(const fs::path& folder) {
    fs::create_directories(folder);
    std::ofstream(folder / "a.yaml") << "model: {name: demo_cnn}\ndata: {layout: demo}\n";
    return folder / "a.yaml";
}

MissingRun run_of(const fs::path& config, Choice settings) {
    return {config, std::move(settings), {}, config};
}

/** A table of one cell that misses `runs`. */
Table missing(const std::vector<MissingRun>& runs, std::set<fs::path> configs) {
    Table table;
    table.rows = {{.id = "row", .label = "row", .group = "", .cells = {{}}}};
    table.rows.front().cells.front().missing = runs;
    table.configs = std::move(configs);
    return table;
}

}  // namespace

TEST_CASE("missing runs become a set of points for each config they start from") {
    const auto folder = test::temporary_folder();
    const auto first = config_in(folder / "x");
    std::ofstream(folder / "b.yaml") << "model: {name: demo_vit}\ndata: {layout: demo}\n";
    const Table table = missing(
        {run_of(first, {setting_of("quantization.bits", "4"), setting_of("model.weights", "/w")}),
         run_of(folder / "b.yaml", {setting_of("seed", "1")}),
         run_of(first, {setting_of("quantization.bits", "3"), setting_of("model.weights", "/w")}),
         run_of(first, {setting_of("quantization.method", "brevitas_gptq")})},
        {first, folder / "b.yaml"});
    const auto sets = missing_points(table, folder / "table", {});
    REQUIRE(sets.size() == 2);
    const PointSet& b = sets[0];
    CHECK(b.name == "b");
    CHECK(b.folder == folder / "table" / "b");
    CHECK(b.points.at(0).config.config.seed == 1);
    const PointSet& a = sets[1];
    CHECK(a.folder == folder / "table" / "a");
    REQUIRE(a.points.size() == 2);  // the peer's is none of run_experiment's
    CHECK(a.varied == std::vector<std::string>{"quantization.bits", "model.weights"});
    CHECK(a.points[0].config.config.model.weights == "/w");
    CHECK(a.points[0].result().parent_path() == a.folder);
    CHECK(a.points[1].label == "bits=3");
    CHECK_FALSE(fs::exists(folder / "table"));
}

TEST_CASE("configs of one name have a folder each, the same whatever is missing") {
    const auto folder = test::temporary_folder();
    const auto first = config_in(folder / "x");
    const auto second = config_in(folder / "y");
    const std::set<fs::path> configs{first, second};
    const auto one = run_of(first, {setting_of("seed", "1")});
    const auto other = run_of(second, {setting_of("seed", "2")});
    const auto sets = missing_points(missing({one, other}, configs), folder / "table", {});
    REQUIRE(sets.size() == 2);
    CHECK(sets[0].folder == folder / "table" / "a");
    CHECK(sets[1].name.starts_with("a-"));
    CHECK(missing_points(missing({other}, configs), folder / "table", {}).at(0).folder ==
          sets[1].folder);
    CHECK(missing_points(missing({one}, configs), folder / "table", {}).at(0).folder ==
          sets[0].folder);
}

TEST_CASE("the command of a peer's missing run is that of its script") {
    const MissingRun run{
        "configs/a.yaml",
        {setting_of("quantization.bits", "4"), setting_of("quantization.method", "brevitas_gptq"),
         setting_of("seed", "1")},
        "results/table_peers/w4_brevitas_gptq_seed1.h5"};
    CHECK(run.command() ==
          "scripts/compare_peers.py configs/a.yaml quantization.bits=4 "
          "quantization.method=brevitas_gptq seed=1 --output results/table_peers");
    const MissingRun ours{
        "configs/a.yaml", {setting_of("quantization.method", "gptq")}, "results/a.h5"};
    CHECK(ours.command() ==
          "run_experiment configs/a.yaml quantization.method=gptq --output results/a.h5");
}

TEST_CASE("what a launcher has made of a missing run stands behind its command") {
    const auto folder = test::temporary_folder();
    const auto config = config_in(folder);
    Table table = missing({run_of(config, {setting_of("quantization.bits", "4")}),
                           run_of(config, {setting_of("quantization.bits", "3")})},
                          {config});
    const auto runs = launchable_runs(table).at(config);
    REQUIRE(runs.size() == 2);
    set_state(table, runs[1], "queued: task 12_3: Resources");
    const auto told = table.missing();
    CHECK(told[0].line() == told[0].command());
    CHECK(told[1].line() == told[1].command() + "  # queued: task 12_3: Resources");
    CHECK(count_of(told) == "2, 1 of them launched");
}
