#pragma once

#include "core/matrix.hpp"

namespace comq {

/**
 * Replaces the symmetric `a` [m, m] by the lower triangular L with a = L·Lᵀ (zeros above the
 * diagonal), or returns false when `a` is not positive definite and its content is lost. In fp64,
 * blocked, parallel; the same bits on any number of threads.
 *
 * Eigen's LLT, which knows one instruction set and one thread, takes 0.9, 1.8 and 2.5 times as long
 * for m = 192, 768 and 3072 (two threads, AVX-512; measured in one run).
 */
bool factor_cholesky(Matrix<double>& a);

/** Replaces each row b of `right_sides` [n, m] by the x with L·Lᵀ·x = b. Rows in parallel. */
void solve_cholesky(const Matrix<double>& lower, Matrix<double>& right_sides);

}  // namespace comq
