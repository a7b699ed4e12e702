#include "sweep/sweep_table.hpp"

#include <cmath>
#include <sstream>

#include "results/run_file.hpp"
#include "results/sample_run.hpp"
#include "storage/hdf5.hpp"
#include "support/python.hpp"
#include "sweep/sweep_files.hpp"

using namespace comq;

namespace {

/** Three points, the first and the last of them finished. */
PointSet partly_finished(const test::SweepFolder& folder) {
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
    std::istringstream csv(sweep_table_csv(table));
    std::vector<std::string> lines;
    for (std::string line; std::getline(csv, line);) lines.push_back(line);
    REQUIRE(lines.size() == 3);
    // The preset also changes sweeps and scale_update; both points of a row are told apart.
    CHECK(lines[0] ==
          "point,label,quantization.preset,quantization.sweeps,quantization.scale_update,"
          "quantization.scalar,full_precision_top1,full_precision_top1_standard_error,top1,"
          "top1_standard_error,top5,top5_standard_error,agreement,agreement_standard_error,"
          "kl,kl_standard_error,kl_median,kl_median_standard_error,kl_95,kl_95_standard_error,"
          "kl_largest,kl_largest_standard_error,"
          "mean_squared_relative_error,mean_squared_heldout_error,mean_heldout_relative_error,"
          "average_code_bits,average_bits_with_scales,calibration_seconds,solve_seconds,seconds");
    CHECK(
        lines[1].starts_with(sweep.points[0].id + ",preset=paper scalar=1,paper,4,closed_form,1,"));
    CHECK(lines[2].starts_with(sweep.points[2].id +
                               ",preset=authors_code scalar=0.9,authors_code,1,none,0.9,"));
    CHECK_THAT(lines[2], ContainsSubstring(",,,,,"));
}

TEST_CASE("what was not measured is empty: held-out errors, bits, times of work from a cache") {
    const test::SweepFolder folder;
    const auto sweep = folder.open("grid: {quantization.bits: [2, 3, 4]}\n");
    RunRecord run = test::sample_run();
    for (auto& layer : run.layers) layer.heldout_relative_error = 0.5;
    run.stages = {{"evaluate", 2.0}};
    write_run_file(sweep.points[0].result(), run);
    run.layers.clear();
    run.stages.clear();
    write_run_file(sweep.points[1].result(), run);
    write_run_file(sweep.points[2].result(), test::sample_run());
    const auto table = collect_points(sweep);
    const auto column = [&](const char* name) {
        return std::get<std::vector<double>>(find_column(table.points, name)->values);
    };
    CHECK(column("mean_squared_heldout_error")[0] == 0.25);
    CHECK(column("mean_heldout_relative_error")[0] == 0.5);
    CHECK(std::isnan(column("mean_squared_heldout_error")[1]));
    // One of its two layers has no held-out error.
    CHECK(std::isnan(column("mean_squared_heldout_error")[2]));
    CHECK(std::isnan(column("average_bits_with_scales")[1]));
    CHECK(std::isnan(column("solve_seconds")[0]));
    CHECK(column("seconds")[0] == 2.0);
    CHECK(std::isnan(column("seconds")[1]));
    CHECK_THAT(sweep_table_csv(table), ContainsSubstring(",,\n"));
}

TEST_CASE("figures of sets are columns, empty where a point was not evaluated on one") {
    const test::SweepFolder folder;
    const auto sweep = folder.open("grid: {quantization.bits: [2, 3]}\n");
    write_run_file(sweep.points[0].result(), test::sample_run());
    write_run_file(sweep.points[1].result(), test::sample_run_with_sets());
    const auto table = collect_points(sweep);
    const auto& top1 = std::get<std::vector<double>>(find_column(table.points, "top1@v2")->values);
    CHECK(std::isnan(top1[0]));
    CHECK(top1[1] == 20);
    CHECK(find_column(table.points, "kl@real-labels_standard_error") != nullptr);
    const std::string text = describe_sweep_table(table, "t.hdf5", "top1@v2");
    CHECK_THAT(text, ContainsSubstring("Top-1 % v2") && ContainsSubstring("KL real-labels"));
}

TEST_CASE("the table is HDF5 with columns of points and of their layers") {
    const test::SweepFolder folder;
    const auto sweep = partly_finished(folder);
    const auto file = folder.path() / "table.h5";
    write_sweep_table(file, collect_points(sweep));
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
    CHECK_NOTHROW(write_sweep_table(folder.path() / "table.h5", table));
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
    write_sweep_table(folder.path() / "table.h5", table);
    std::ofstream(folder.path() / "table.csv") << sweep_table_csv(table);
    const auto script = test::source_dir() / "tests" / "sweep" / "check_table.py";
    CHECK(test::run_python(*python, script, folder.path().string()));
}
