#pragma once

#include <cstdint>

namespace comq {

/** values[j] += factor·row[j], j < m: the step of every update of a residual. */
void add_row(const double* row, double factor, int64_t m, double* values);

}  // namespace comq
