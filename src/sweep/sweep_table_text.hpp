#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "sweep/sweep_table.hpp"

namespace comq {

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
