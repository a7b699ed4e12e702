#include "quantization/add_row.hpp"

#include "core/simd.hpp"

namespace comq {

void add_row(const double* row, double factor, int64_t m, double* values) {
    run_vectorized([=](auto) {
        for (int64_t j = 0; j < m; ++j) values[j] += factor * row[j];
    });
}

}  // namespace comq
