#include "sweep/collect_points.hpp"

#include <sstream>

#include "results/run_file.hpp"
#include "results/sample_run.hpp"
#include "storage/hdf5.hpp"
#include "support/python.hpp"
#include "sweep/sweep_files.hpp"

using namespace comq;

namespace {

/** Three points, the first and the last of them finished. */
Sweep partly_finished(const test::SweepFolder& folder) {
    auto sweep = folder.open(
        "points:\n"
        "  - {quantization.preset: paper, quantization.scalar: 1.0}\n"
        "  - {quantization.preset: paper, quantization.scalar: 0.9}\n"
        "  - {quantization.preset: authors_code, quantization.scalar: 0.9}\n");
    RunRecord run = test::sample_run();
    write_run_file(sweep.points[0].result(), run);
    run.quantized.reset();
    run.agreement.reset();
    write_run_file(sweep.points[2].result(), run);
    return sweep;
}

}  // namespace

TEST_CASE("finished points become rows, keys that vary become columns") {
    const test::SweepFolder folder;
    const auto sweep = partly_finished(folder);
    const auto table = collect_points(sweep);
    CHECK(table.rows == 2);
    std::istringstream csv(table_csv(table));
    std::vector<std::string> lines;
    for (std::string line; std::getline(csv, line);) lines.push_back(line);
    REQUIRE(lines.size() == 3);
    // The preset also changes sweeps and scale_update; both points of a row are told apart.
    CHECK(lines[0] ==
          "point,quantization.preset,quantization.sweeps,quantization.scale_update,"
          "quantization.scalar,full_precision_top1,top1,top1_standard_error,top5,agreement,"
          "mean_squared_relative_error,average_bits_with_scales,solve_seconds,seconds");
    CHECK(lines[1].starts_with(sweep.points[0].id + ",paper,4,closed_form,1,"));
    CHECK(lines[2].starts_with(sweep.points[2].id + ",authors_code,1,none,0.9,"));
    CHECK_THAT(lines[2], ContainsSubstring(",,,,,"));
}

TEST_CASE("the table is HDF5 with columns of points and of their layers") {
    const test::SweepFolder folder;
    const auto sweep = partly_finished(folder);
    const auto file = folder.path() / "table.h5";
    write_table(file, collect_points(sweep), sweep);
    const auto hdf5 = Hdf5File::open_for_reading(file);
    const auto root = hdf5.root();
    CHECK(root.integer_attribute("points_in_sweep") == 3);
    const auto points = root.open_group("points");
    CHECK(points.open_dataset("point").texts() ==
          std::vector<std::string>{sweep.points[0].id, sweep.points[2].id});
    CHECK(points.open_dataset("quantization.sweeps").integers() == std::vector<int64_t>{4, 1});
    CHECK(points.open_dataset("quantization.scalar").reals() == std::vector<double>{1.0, 0.9});
    const auto layers = root.open_group("layers");
    const auto expected = test::sample_run().layers;
    CHECK(layers.open_dataset("name").shape() ==
          std::vector<int64_t>{2 * static_cast<int64_t>(expected.size())});
    CHECK(layers.open_dataset("relative_error").reals()[1] == expected[1].relative_error);
}

TEST_CASE("a sweep without finished points gives an empty table") {
    const test::SweepFolder folder;
    const auto sweep = folder.open("grid: {seed: [0, 1]}\n");
    const auto table = collect_points(sweep);
    CHECK(table.rows == 0);
    CHECK_NOTHROW(write_table(folder.path() / "table.h5", table, sweep));
}

TEST_CASE("pandas and h5py read the table") {
    const auto python = test::python_with("h5py, pandas");
    if (!python) {
        test::skip("python", "Python with h5py and pandas");
        return;
    }
    const test::SweepFolder folder;
    const auto sweep = partly_finished(folder);
    const auto table = collect_points(sweep);
    write_table(folder.path() / "table.h5", table, sweep);
    std::ofstream(folder.path() / "table.csv") << table_csv(table);
    const auto script = test::source_dir() / "tests" / "sweep" / "check_table.py";
    CHECK(test::run_python(*python, script, folder.path().string()));
}
