#pragma once

#include <set>
#include <string>

#include "networks/network.hpp"
#include "storage/host_tensor.hpp"

namespace comq {

/** Names of the tensors that a checkpoint of the network must have. */
std::set<std::string> checkpoint_names(const Network& network);

/**
 * Copies the tensors of a checkpoint, already under the network's own names, into its parameters
 * and buffers; other floating dtypes become float32. Strict: throws one InputError that counts and
 * lists the missing, unexpected and mis-shaped tensors of `file` and says what the checkpoint
 * looks like (distilled, another class count, resolution, size or family, numbers that a library's
 * own scales belong to; nothing is resampled).
 * A weight that is NaN, infinite or an integer is an InputError naming the tensor. Buffers that
 * follow from the architecture (num_batches_tracked, relative_position_index, attn_mask) are never
 * read.
 */
void load_parameters(Network& network, const TensorMap& tensors, const std::string& file);

/**
 * The same, but parameters and buffers become the tensors' own bytes where those are float32 and
 * aligned as LibTorch's are; nothing else may use those bytes, which must be writable.
 */
void take_over_parameters(Network& network, const TensorMap& tensors, const std::string& file);

}  // namespace comq
