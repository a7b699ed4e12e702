#pragma once

#include <string>
#include <vector>

#include "table/table.hpp"

namespace comq {

/** Each ends in a newline. */
std::string render_markdown(const Table& table);
/**
 * A `table` environment for \\input, which needs the package booktabs. Published numbers, ours and
 * their differences have columns of their own; what is unknown is empty. Missing runs are comments.
 */
std::string render_latex(const Table& table);
/** A line for each cell, with everything that is known of it. */
std::string render_csv(const Table& table);
/** A page of its own. */
std::string render_html(const Table& table);
/** An object: title, columns, rows with their cells, notes, missing runs; null: unknown. */
std::string render_json(const Table& table);

struct TableFormat {
    std::string name;  ///< for `--format`
    std::string (*render)(const Table&);
};
/** The first is the default. */
const std::vector<TableFormat>& table_formats();

}  // namespace comq
