#pragma once

#include <cstddef>
#include <functional>
#include <optional>
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

/** "79.10 ± 0.05" with the marks of its notes. `digits`: behind the point. */
std::string value_text(const std::optional<TableValue>& value, int digits, const CellStyle& style);

/** "+0.12": ours less published, where the two are comparable. */
std::string difference_text(const TableCell& cell, const CellStyle& style);

/** "published / ours ± standard error / difference", or ours alone in tables of our own runs. */
std::string cell_text(const TableCell& cell, bool with_published, const CellStyle& style);

/** "a", …, "z", "aa": how the note at `position` is marked. */
std::string note_mark(std::size_t position);

/** How a format shows published, ours and difference: in one cell, or in columns of their own. */
enum class CellLayout { joined, columns };

/** What the parts of a cell are and where ± comes from, for the foot of a table. */
std::string explain_cells(const Table& table, CellLayout layout = CellLayout::joined);

/** "18", or "18, 12 of them launched". */
std::string count_of(const std::vector<MissingRun>& missing);

}  // namespace comq
