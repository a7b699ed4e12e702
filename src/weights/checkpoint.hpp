#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "storage/host_tensor.hpp"
#include "storage/mapped_file.hpp"

namespace comq {

/** The content of a checkpoint file, and which of its dictionaries the tensors are from. */
struct Checkpoint {
    TensorMap tensors;
    std::string entry;                ///< "state_dict", "model_ema", …; empty: the file's root
    std::vector<std::string> others;  ///< entries passed over (see find_state_dict)
};

/**
 * The file that `path` means: itself, or in a folder of Hugging Face the index of shards or the one
 * file of weights (model.safetensors.index.json, model.safetensors, pytorch_model.bin.index.json,
 * pytorch_model.bin, in this order). Throws UsageError when there is none.
 */
std::filesystem::path checkpoint_file(const std::filesystem::path& path);

/**
 * Reads a checkpoint of any known format, told by its content and never by its name:
 * safetensors; a sharded checkpoint's index (model.safetensors.index.json,
 * pytorch_model.bin.index.json); torch.save's zip archives and its older pickle streams; NumPy
 * .npz; a folder with one of them (checkpoint_file). Nothing in the file is executed.
 *
 * The dictionaries of training scripts are unwrapped, `wanted` chooses one (find_state_dict; in a
 * file without dictionaries it is the begin of the names meant), and what wrappers put into names
 * is taken out: `module.` (DataParallel), `_orig_mod.` (torch.compile), those of FSDP and of
 * activation checkpoints, and AveragedModel's counter. Names are as written otherwise, dtypes too.
 * Logs which entry was used when several would have done.
 *
 * Throws UsageError when there is no such file, InputError naming the file and the tensor or byte
 * offset, with the remedy, for everything else.
 */
TensorMap read_checkpoint(const std::filesystem::path& path, const std::string& wanted = {});

/** read_checkpoint with all that is known about the file, without logging. */
Checkpoint open_checkpoint(const std::filesystem::path& path, const std::string& wanted = {});
/**
 * The SHA-256 of the file, or of a sharded checkpoint's index followed by the digests of its shards
 * in the order of their names. Throws InputError naming the file that can't be read.
 */
std::string checkpoint_sha256(const std::filesystem::path& path);

/** One file's bytes; indices of sharded checkpoints are refused. */
Checkpoint parse_checkpoint(const FileBytes& file, const std::string& wanted = {});

}  // namespace comq
