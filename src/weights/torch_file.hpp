#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "weights/checkpoint.hpp"
#include "weights/zip_archive.hpp"

namespace comq {

/** Whether the archive is one of torch.save. */
bool is_torch_archive(const ZipArchive& archive);

/**
 * Reads what torch.save has written since PyTorch 1.6: a zip archive of a pickle (data.pkl) and one
 * entry a storage. `wanted` chooses the dictionary (find_state_dict). Throws InputError naming the
 * tensor or the byte of data.pkl.
 */
Checkpoint read_torch_archive(ZipArchive& archive, const FileBytes& file,
                              const std::string& wanted);

/** Whether the bytes begin as a pickle does. */
bool looks_like_pickle(std::span<const std::byte> bytes);

/**
 * Reads what torch.save wrote before: pickles of a magic number, a protocol version, the system,
 * the object and the storages' keys; then each storage as an element count and raw numbers.
 */
Checkpoint read_legacy_torch_file(const FileBytes& file, const std::string& wanted);

}  // namespace comq
