#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "results/columns.hpp"

namespace comq {

/** A line of CSV (RFC 4180) with its end; fields are in quotes where they need them. */
std::string csv_line(const std::vector<std::string>& fields);

/** A value as a field, exactly; empty where it was not measured. */
std::string csv_field(const Column& column, std::size_t row);

/** A header and these rows. */
std::string csv_text(const Columns& columns, const std::vector<std::size_t>& rows);

}  // namespace comq
