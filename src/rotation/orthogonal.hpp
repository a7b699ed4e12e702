#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>

#include "core/random.hpp"

namespace comq {

/**
 * A random orthogonal matrix [order, order] in fp64, uniform by Haar's measure: the Q of a Gaussian
 * matrix with a positive diagonal of R (Mezzadri 2007).
 */
torch::Tensor random_orthogonal(const RandomStream& stream, int64_t order);

/**
 * The same among those with R·1 = 1, of order 2 at least: R = B·diag(1, Q)·Bᵀ with a basis B whose
 * first vector is 1/√n. They keep the mean of a token x, and its variance as every orthogonal
 * matrix does, so that LayerNorm(xR) = LayerNorm(x)·R, scale and shift apart.
 */
torch::Tensor random_mean_preserving(const RandomStream& stream, int64_t order);

}  // namespace comq
