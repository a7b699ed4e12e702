#pragma once

#include <string>
#include <vector>

#include "storage/host_tensor.hpp"
#include "storage/mapped_file.hpp"
#include "weights/zip_archive.hpp"

namespace comq {

/** A state_dict and where in the checkpoint it stood. */
struct TorchCheckpoint {
    TensorMap tensors;
    std::string entry;  ///< see StateDict
    std::vector<std::string> others;
};

/** Whether the archive is one of torch.save. */
bool is_torch_archive(const ZipArchive& archive);

/**
 * Reads what torch.save has written since PyTorch 1.6: a zip archive of a pickle (data.pkl) and one
 * entry a storage. Throws InputError naming the tensor or the byte of data.pkl.
 */
TorchCheckpoint read_torch_archive(ZipArchive& archive, const FileBytes& file);

/** Whether the bytes begin as a pickle does. */
bool looks_like_pickle(std::span<const std::byte> bytes);

/**
 * Reads what torch.save wrote before: pickles of a magic number, a protocol version, the system, the
 * object and the storages' keys; then each storage as an element count and raw numbers.
 */
TorchCheckpoint read_legacy_torch_file(const FileBytes& file);

}  // namespace comq
