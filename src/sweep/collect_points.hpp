#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "sweep/expand.hpp"

namespace comq {

/** A column of the table: all numbers of one type, or texts. */
struct TableColumn {
    using Values =
        std::variant<std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;

    std::string name;
    std::string units;  ///< "1": a pure number; empty: text, or a key without a unit
    std::string description;
    Values values;
};

/** The finished points of a sweep, a row each, in the order of the sweep. */
struct SweepTable {
    std::size_t rows = 0;
    std::vector<TableColumn> points;  ///< `point`, every key that varies, accuracies, errors, times
    std::vector<TableColumn> layers;  ///< `point`, then the columns of a run's layers
};

/**
 * Reads the result of every finished point. A key varies when its value differs between any two
 * points of the sweep, finished or not, so that the columns stay while points finish.
 */
SweepTable collect_points(const Sweep& sweep);

/** The table of points as CSV, empty where nothing was measured. */
std::string table_csv(const SweepTable& table);

/** Writes `points` and `layers` as HDF5 groups of columns. Atomic; throws Failure. */
void write_table(const std::filesystem::path& file, const SweepTable& table, const Sweep& sweep);

}  // namespace comq
