#include "quantization/problem.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "core/errors.hpp"

namespace comq {
namespace {

template <typename T>
bool all_finite(const T* values, int64_t count) {
    return std::all_of(values, values + count, [](T value) { return std::isfinite(value); });
}

}  // namespace

void check_problem(const GroupProblem& problem) {
    const int64_t m = problem.in_features();
    COMQ_CHECK(problem.gram.rows == m && problem.gram.cols == m);
    COMQ_CHECK(problem.column_norm.empty() || std::ssize(problem.column_norm) == m);
    if (problem.bits < 2 || problem.bits > 8) {
        throw UsageError("layer '{}': {} bits; a weight can have 2 to 8", problem.layer,
                         problem.bits);
    }
    for (int64_t j = 0; j < problem.out_features(); ++j) {
        if (!all_finite(problem.weight.row(j), m)) {
            throw InputError(
                "layer '{}': output channel {} has a NaN or infinite weight; "
                "check the checkpoint",
                problem.layer, j);
        }
    }
    for (int64_t i = 0; i < m; ++i) {
        if (!all_finite(problem.gram.row(i), m)) {
            throw InputError(
                "layer '{}': Gram row {} is NaN or infinite, so its inputs were; check the "
                "calibration images and the checkpoint",
                problem.layer, i);
        }
    }
}

}  // namespace comq
