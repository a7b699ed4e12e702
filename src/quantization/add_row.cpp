#include "quantization/add_row.hpp"

#include "core/vector_clones.hpp"

namespace comq {

COMQ_VECTOR_CLONES void add_row(const double* row, double factor, int64_t m, double* values) {
    for (int64_t j = 0; j < m; ++j) values[j] += factor * row[j];
}

}  // namespace comq
