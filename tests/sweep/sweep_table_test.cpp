#include <fstream>
#include <nlohmann/json.hpp>

#include "core/errors.hpp"
#include "results/run_file.hpp"
#include "results/sample_run.hpp"
#include "storage/hdf5.hpp"
#include "support/edit_hdf5.hpp"
#include "sweep/programs.hpp"
#include "sweep/sweep_table.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

constexpr double nan = not_measured;

/** Three runs of four, the second without an accuracy. */
SweepTable sample_table() {
    using Texts = std::vector<std::string>;
    using Integers = std::vector<int64_t>;
    using Reals = std::vector<double>;
    SweepTable table;
    table.sweep = "order_bits";
    table.sweep_runs = 4;
    table.rows = 3;
    table.points = {{"point", "", "id", Texts{"p1", "p2", "p3"}},
                    {"label", "", "short", Texts{"bits=2, x", "bits=3", "bits=4"}},
                    {"quantization.bits", "bit", "bits", Integers{2, 3, 4}},
                    {"full_precision_top1", "percent", "", Reals{93, 93, 93}},
                    {"top1", "percent", "", Reals{50.5, nan, 90}},
                    {"top1_standard_error", "percent", "", Reals{1, nan, 0.5}},
                    {"mean_squared_heldout_error", "1", "", Reals{nan, nan, nan}}};
    table.layers = {{"point", "", "id", Texts{"p1"}}, {"error", "1", "", Reals{0.5}}};
    return table;
}

fs::path written(const SweepTable& table) {
    const auto file = test::temporary_folder() / "order_bits.hdf5";
    write_sweep_table(file, table);
    return file;
}

}  // namespace

TEST_CASE("a sweep's table comes back from its file as it was") {
    const auto file = written(sample_table());
    CHECK(is_sweep_table(file));
    const auto table = read_sweep_table(file);
    CHECK(table.sweep == "order_bits");
    CHECK(table.sweep_runs == 4);
    CHECK(table.rows == 3);
    CHECK(sweep_table_csv(table) == sweep_table_csv(sample_table()));
    REQUIRE(table.layers.size() == 2);
    CHECK(table.layers[1].name == "error");
    CHECK(find_column(table.points, "quantization.bits")->units == "bit");
}

TEST_CASE("what is no sweep's table is not taken for one") {
    const auto folder = test::temporary_folder();
    write_run_file(folder / "run.h5", test::sample_run());
    CHECK_FALSE(is_sweep_table(folder / "run.h5"));
    CHECK_FALSE(is_sweep_table(folder / "none.h5"));
    std::ofstream(folder / "text.hdf5") << "no HDF5";
    CHECK_FALSE(is_sweep_table(folder / "text.hdf5"));
    const auto later = written(sample_table());
    test::edit_hdf5(
        later, [](Hdf5Group root) { root.write_attribute("schema_version", std::string("2.0")); });
    CHECK_THROWS_AS(read_sweep_table(later), InputError);
}

TEST_CASE("the table is printed with labels, sorted by any column, without empty ones") {
    const auto text = describe_sweep_table(sample_table(), "x.hdf5");
    CHECK_THAT(text, ContainsSubstring("x.hdf5: table of the sweep order_bits, 3 of 4 runs") &&
                         ContainsSubstring("bits=4") && ContainsSubstring("90.00 ± 0.50") &&
                         !ContainsSubstring("held-out^2  "));
    using Rows = std::vector<std::size_t>;
    CHECK(sorted_rows(sample_table(), "sweep") == Rows{0, 1, 2});
    CHECK(sorted_rows(sample_table(), "top1") == Rows{2, 0, 1});
    CHECK(sorted_rows(sample_table(), "bits") == Rows{2, 1, 0});
    CHECK(sorted_rows(sample_table(), "point") == Rows{0, 1, 2});
    CHECK_THROWS_AS(sorted_rows(sample_table(), "speed"), UsageError);
    CHECK_THAT(sweep_table_csv(sample_table(), "top1"),
               ContainsSubstring("p1,\"bits=2, x\",2,93,50.5,1,\np2,bits=3,3,93,,,\n"));
    const auto json = sweep_table_json(sample_table());
    CHECK(json["points"][1]["top1"].is_null());
    CHECK(json["points"][2]["quantization.bits"] == 4);
}

TEST_CASE("a table of version 1.0, without labels, is printed by its keys") {
    auto table = sample_table();
    table.points.erase(table.points.begin() + 1);
    CHECK_THAT(describe_sweep_table(table, "x.hdf5"), ContainsSubstring("bits=2"));
}

TEST_CASE("programs understand a sweep's table or name the program that does") {
    const std::string file = written(sample_table()).string();
    const auto shown = test::run_program("inspect_results", file);
    INFO(shown.output);
    CHECK(shown.exit_code == 0);
    CHECK_THAT(shown.output, ContainsSubstring("bits=3"));
    const auto csv = test::run_program("inspect_results", file + " --csv --sort top1");
    CHECK(csv.output == sweep_table_csv(sample_table(), "top1"));
    CHECK(test::run_program("inspect_results", file + " --sort speed").exit_code == 2);
    const std::string commands[] = {"compare_results " + file + " " + file,
                                    "export_model " + file + " -o x.safetensors",
                                    "make_tables experiments/table_demo.yaml --results " + file};
    for (const auto& command : commands) {
        INFO(command);
        const auto space = command.find(' ');
        const auto refused = test::run_program(command.substr(0, space), command.substr(space + 1));
        INFO(refused.output);
        CHECK(refused.exit_code == 2);
        CHECK_THAT(refused.output, ContainsSubstring("table of the sweep order_bits") &&
                                       ContainsSubstring("inspect_results"));
        CHECK(std::ranges::count(refused.output, '\n') == 1);
    }
}
