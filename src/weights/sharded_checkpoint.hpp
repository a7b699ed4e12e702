#pragma once

#include <functional>
#include <string>
#include <vector>

#include "storage/host_tensor.hpp"
#include "storage/mapped_file.hpp"

namespace comq {

/** Whether the bytes are JSON with a "weight_map", as Hugging Face's index files. */
bool looks_like_shard_index(const FileBytes& file);

/** The file names of the shards, sorted; throws as join_shards. */
std::vector<std::string> shards_of(const FileBytes& index);

/**
 * The tensors that an index assigns to shards; `read_shard` reads one by its file name, which is
 * plain (no folders). Each tensor must be in its shard, and no shard may hold others. Throws
 * InputError naming the index or shard and the tensor.
 */
TensorMap join_shards(const FileBytes& index,
                      const std::function<TensorMap(const std::string&)>& read_shard);

}  // namespace comq
