#pragma once

#include <cstdint>

#include "networks/network.hpp"
#include "passes/image_pass.hpp"

namespace comq {

/**
 * Replaces the running mean and variance of every BatchNorm by those of the given images, each
 * batch normalised by its own statistics on the way: the mean of the batches' means, and the mean
 * of their variances plus the variance of their means, batches counting by their images. They are
 * drawn with `seed`, since one of a single class would lose the class's own mean to the first norm.
 * Batches follow each other on one thread, as a BatchNorm in training changes its own state.
 * Returns the norms re-estimated.
 *
 * Throws what ImagePass does; the network is then of no use.
 */
int64_t reestimate_batch_norm(Network& network, const ImagePass& pass, uint64_t seed);

}  // namespace comq
