#pragma once

#include <string>
#include <variant>
#include <vector>

#include "results/columns.hpp"
#include "results/run_record.hpp"

namespace comq {

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
