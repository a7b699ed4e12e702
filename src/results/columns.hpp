#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "results/run_record.hpp"
#include "storage/hdf5.hpp"

namespace comq {

/** A column of a table: numbers of one type, or texts. */
struct Column {
    using Values =
        std::variant<std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;

    std::string name;
    std::string units;        ///< "1": a pure number; empty: text, or a key without a unit
    std::string description;  ///< one line
    Values values;            ///< NaN: not measured

    std::size_t rows() const;
};

/** Columns of one length, in order. */
using Columns = std::vector<Column>;

/** The column `name`, or null. */
const Column* find_column(const Columns& columns, std::string_view name);

/** Positions of the rows by a column: numbers from the largest, NaN last, text from A. */
std::vector<std::size_t> sorted_rows(const Column& column);

/** Writes each as a dataset with its unit and description; the first is the scale of the others. */
Hdf5Dataset write_columns(Hdf5Group& group, const Columns& columns);
inline Hdf5Dataset write_columns(Hdf5Group&& group, const Columns& columns) {
    return write_columns(group, columns);
}

/** The columns of a group in their order. Throws InputError where they are of several lengths. */
Columns read_columns(const Hdf5Group& group);

/** One column of the group `layers`: the one list that is written, read, documented, printed. */
struct LayerColumn {
    using Field =
        std::variant<std::string LayerRecord::*, int64_t LayerRecord::*, double LayerRecord::*>;

    std::string name;
    Field field;
    std::string units;        ///< "1": a pure number; empty: text
    std::string description;  ///< one line
    int minor = 0;            ///< minor version of the schema that added it
};

/** In the order of results/README.md; `name` comes first. */
const std::vector<LayerColumn>& layer_columns();

/** The layers as a table. */
Columns columns_of(const std::vector<LayerRecord>& layers);

}  // namespace comq
