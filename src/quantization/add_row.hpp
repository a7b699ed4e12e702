#pragma once

#include <cstdint>

#include "core/simd.hpp"

namespace comq {

/** values[j] += factor·row[j], j < m: the step of every update of a residual. */
inline void add_row(const double* row, double factor, int64_t m, double* values) {
    run_vectorized([=](auto) {
        for (int64_t j = 0; j < m; ++j) values[j] += factor * row[j];
    });
}

}  // namespace comq
