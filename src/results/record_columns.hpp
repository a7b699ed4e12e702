#pragma once

#include <string>
#include <variant>
#include <vector>

#include "results/columns.hpp"
#include "results/run_record.hpp"

namespace comq {

/** A column of a table with a row for each of a run's records: written, read, documented, printed.
 */
template <typename Record>
struct RecordColumn {
    using Field = std::variant<std::string Record::*, int64_t Record::*, double Record::*>;

    std::string name;
    Field field;
    std::string units;        ///< "1": a pure number; empty: text
    std::string description;  ///< one line
    int minor = 0;            ///< minor version of the schema that added it
    bool in_figures = false;  ///< ReadScope::figures has it
};

/** In the order of results/README.md; the column that names the rows comes first. */
template <typename Record>
const std::vector<RecordColumn<Record>>& record_columns();

template <>
const std::vector<RecordColumn<LayerRecord>>& record_columns();
template <>
const std::vector<RecordColumn<SensitivityRecord>>& record_columns();
template <>
const std::vector<RecordColumn<RotationRecord>>& record_columns();
template <>
const std::vector<RecordColumn<StageRecord>>& record_columns();

/** The records as a table. */
template <typename Record>
Columns columns_of(const std::vector<Record>& records) {
    Columns columns;
    for (const auto& column : record_columns<Record>()) {
        std::visit(
            [&](auto field) {
                std::vector<std::decay_t<decltype(records.front().*field)>> values;
                for (const Record& record : records) values.push_back(record.*field);
                columns.push_back({column.name, column.units, column.description, values});
            },
            column.field);
    }
    return columns;
}

}  // namespace comq
