#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "points/point.hpp"
#include "results/columns.hpp"

namespace comq {

/** The finished runs of a sweep, a row each, in the order of the sweep. */
struct SweepTable {
    std::string sweep;           ///< its name
    std::size_t sweep_runs = 0;  ///< finished or not; repeated points count once
    std::size_t rows = 0;
    /** `point`, `label`, every key that varies, then accuracies, errors, times. */
    Columns points;
    Columns layers;  ///< `row`, a number, `point`, then the columns of a run's layers
};

/**
 * Reads the result of every finished point, those left out that repeat an earlier one. A key varies
 * when its value differs between any two points of the sweep, finished or not, so that the columns
 * stay while points finish. What a run did not measure is NaN.
 */
SweepTable collect_points(const PointSet& sweep);

/** Writes `points` and `layers` as HDF5 groups of columns. Atomic; throws Failure. */
void write_sweep_table(const std::filesystem::path& file, const SweepTable& table);

/** Whether the file is HDF5 and holds the table of a sweep; false for what can't be read. */
bool is_sweep_table(const std::filesystem::path& file);

/** Reads what write_sweep_table wrote, of every version 1.x. Throws InputError. */
SweepTable read_sweep_table(const std::filesystem::path& file);

/**
 * Rows of the table, sorted by a column of `points` or the last part of a key that it has: numbers
 * from the largest, NaN last, text from A; "sweep" keeps the order of the sweep. Throws UsageError
 * for other names.
 */
std::vector<std::size_t> sorted_rows(const SweepTable& table, std::string_view column);

/** For people: what varies, accuracies, errors and times, a line a row; `origin` names the file. */
std::string describe_sweep_table(const SweepTable& table, const std::string& origin,
                                 std::string_view sort = "sweep");

/** The table of points as CSV, empty where nothing was measured. */
std::string sweep_table_csv(const SweepTable& table, std::string_view sort = "sweep");

/** The same as JSON: an object a row; null where nothing was measured. */
nlohmann::ordered_json sweep_table_json(const SweepTable& table, std::string_view sort = "sweep");

}  // namespace comq
