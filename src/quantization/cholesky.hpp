#pragma once

#include "core/matrix.hpp"

namespace comq {

/**
 * Replaces the symmetric `a` [m, m] by the lower triangular L with a = L·Lᵀ (zeros above the
 * diagonal), or returns false when `a` is not positive definite and its content is lost. In fp64,
 * blocked, parallel; the same bits on any number of threads.
 */
bool factor_cholesky(Matrix<double>& a);

}  // namespace comq
