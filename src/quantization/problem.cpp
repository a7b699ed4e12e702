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

void check_gram(const std::string& layer, const char* name, MatrixView<const double> gram) {
    for (int64_t i = 0; i < gram.rows; ++i) {
        if (!all_finite(gram.row(i), gram.cols)) {
            throw InputError(
                "layer '{}': {} row {} is NaN or infinite, so its inputs were; check the "
                "calibration images and the checkpoint",
                layer, name, i);
        }
    }
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
    check_gram(problem.layer, "Gram", problem.gram);
    for (const auto& [name, gram] : problem.further_grams) {
        COMQ_CHECK(gram.rows == m && gram.cols == m);
        check_gram(problem.layer, name.c_str(), gram);
    }
}

}  // namespace comq
