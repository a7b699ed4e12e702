#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

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

/** The finished runs of a sweep, a row each, in the order of the sweep. */
struct SweepTable {
    std::string sweep;           ///< its name
    std::size_t sweep_runs = 0;  ///< finished or not; repeated points count once
    std::size_t rows = 0;
    /** `point`, `label`, every key that varies, then accuracies, errors, times. */
    std::vector<TableColumn> points;
    std::vector<TableColumn> layers;  ///< `point`, then the columns of a run's layers

    /** The column of `points` with this name, or null. */
    const TableColumn* find(std::string_view name) const;
};

}  // namespace comq
