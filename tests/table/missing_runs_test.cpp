#include "table/missing_runs.hpp"
#include "config/yaml_document.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("missing runs become a sweep for each config they start from") {
    const auto folder = test::temporary_folder() / "table";
    const std::vector<MissingRun> missing{
        {"configs/a.yaml", {"quantization.bits=4", "model.weights=${A:-b}/c"}, {}, "/x/a.yaml"},
        {"configs/b.yaml", {"seed=1"}, {}, "/x/b.yaml"},
        {"configs/a.yaml", {"quantization.layers=[{match: head, bits: 8}]"}, {}, "/x/a.yaml"},
        {"configs/a.yaml", {"quantization.method=brevitas_gptq"}, {}, "/x/a.yaml"}};
    const auto files = write_sweeps(missing, folder);  // the peer's is none of run_sweep's
    REQUIRE(files.size() == 2);
    CHECK(files[0] == folder / "a.yaml");
    CHECK(files[1] == folder / "b.yaml");
    ConfigProblems problems;
    const auto sweep = read_yaml_file(files[0], problems);
    problems.throw_if_any();
    CHECK(sweep->find("config")->scalar == "/x/a.yaml");
    CHECK(sweep->find("folder")->scalar == (folder / "a").string());
    const auto& points = sweep->find("points")->items;
    REQUIRE(points.size() == 2);
    CHECK(points[0].find("quantization.bits")->scalar == "4");
    CHECK(points[0].find("model.weights")->scalar == "${A:-b}/c");
    CHECK(points[1].find("quantization.layers")->items.size() == 1);
}

TEST_CASE("configs of one name have a sweep each, the same in every call") {
    const auto folder = test::temporary_folder() / "table";
    const MissingRun first{"x/a.yaml", {"seed=1"}, {}, "/x/a.yaml"};
    const MissingRun second{"y/a.yaml", {"seed=2"}, {}, "/y/a.yaml"};
    const auto value_in = [](const std::filesystem::path& file, const char* key) {
        ConfigProblems problems;
        const auto sweep = read_yaml_file(file, problems);
        problems.throw_if_any();
        return sweep->find(key)->scalar;
    };
    const auto files = write_sweeps({first, second}, folder);
    REQUIRE(files.size() == 2);
    CHECK(files[0] == folder / "a.yaml");
    CHECK(value_in(files[0], "config") == "/x/a.yaml");
    CHECK(value_in(files[0], "folder") == (folder / "a").string());
    CHECK(files[1].filename().string().starts_with("a-"));
    CHECK(value_in(files[1], "config") == "/y/a.yaml");
    CHECK(value_in(files[1], "folder") == (folder / files[1].stem()).string());
    // Either may be all that is still missing.
    CHECK(write_sweeps({second}, folder).at(0) == files[1]);
    CHECK(write_sweeps({first}, folder).at(0) == files[0]);
    CHECK(value_in(files[1], "config") == "/y/a.yaml");
}

TEST_CASE("the command of a peer's missing run is that of its script") {
    const MissingRun run{"configs/a.yaml",
                         {"quantization.bits=4", "quantization.method=brevitas_gptq", "seed=1"},
                         "results/table_peers/w4_brevitas_gptq_seed1.h5"};
    CHECK(run.command() ==
          "scripts/compare_peers.py configs/a.yaml quantization.bits=4 "
          "quantization.method=brevitas_gptq seed=1 --output results/table_peers");
    const MissingRun ours{"configs/a.yaml", {"quantization.method=gptq"}, "results/a.h5"};
    CHECK(ours.command() ==
          "run_experiment configs/a.yaml quantization.method=gptq --output results/a.h5");
}
