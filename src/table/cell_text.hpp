#pragma once

#include <functional>
#include <string>

#include "table/table.hpp"

namespace comq {

/** How one format writes what cells are made of. */
struct CellStyle {
    std::string plus_minus;
    std::string minus;      ///< of negative numbers
    std::string empty;      ///< in the place of an unknown number
    std::string separator;  ///< between published, ours and difference
    std::function<std::string(const std::string&)> bold;
    std::function<std::string(const std::string&)> raised;  ///< marks of notes
};

/** "published / ours ± standard error / difference", or ours alone in tables of our own runs. */
std::string cell_text(const TableCell& cell, bool with_published, const CellStyle& style);

/** "a", …, "z", "aa": how the note at `position` is marked. */
std::string note_mark(std::size_t position);

/** What the parts of a cell are and where ± comes from, for the foot of a table. */
std::string explain_cells(const Table& table);

}  // namespace comq
