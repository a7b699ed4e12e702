#include "weights/checkpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <array>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/require_path.hpp"
#include "storage/safetensors.hpp"
#include "weights/npz.hpp"
#include "weights/sharded_checkpoint.hpp"
#include "weights/torch_file.hpp"
#include "weights/zip_archive.hpp"

namespace comq {
namespace {

constexpr std::array<std::string_view, 2> prefixes{"module.", "_orig_mod."};

TensorMap without_prefixes(TensorMap tensors, const std::string& file) {
    TensorMap result;
    for (auto& [name, tensor] : tensors) {
        std::string_view rest = name;
        for (bool again = true; again;) {
            again = false;
            for (const std::string_view prefix : prefixes) {
                if (!rest.starts_with(prefix)) continue;
                rest.remove_prefix(prefix.size());
                again = true;
            }
        }
        if (!result.emplace(rest, std::move(tensor)).second) {
            throw InputError(
                "{}: tensor '{}' stands there twice, with and without the prefix of a "
                "wrapper ({})",
                file, rest, fmt::join(prefixes, " or "));
        }
    }
    return result;
}

/** Says what a file that is no checkpoint seems to be: downloads go wrong in few ways. */
[[noreturn]] void refuse(const FileBytes& file) {
    const std::string_view text = file.text();
    const auto begins = [&](std::string_view magic) { return text.starts_with(magic); };
    const char* what = "its format isn't known (safetensors, .pth and .npz are read)";
    if (text.empty()) {
        what = "it is empty (download it again)";
    } else if (begins("version https://git-lfs")) {
        what = "a Git LFS pointer and not the file itself (run `git lfs pull`)";
    } else if (begins("<")) {
        what = "a web page and not a checkpoint (the download failed; check its address)";
    } else if (begins("\x1f\x8b")) {
        what = "compressed by gzip (unpack it with gunzip)";
    } else if (begins("\x89HDF\r\n")) {
        what = "HDF5, as Keras writes (get the weights as safetensors or .pth)";
    } else if (text.size() > 262 && text.substr(257, 5) == "ustar") {
        what = "a tar file, as PyTorch before 0.2 wrote (load it in PyTorch and save it again)";
    }
    throw InputError("{}: not a checkpoint: {}", file.name, what);
}

Checkpoint from_zip(const FileBytes& file) {
    ZipArchive archive(file);
    if (is_torch_archive(archive)) return read_torch_archive(archive, file);
    if (is_npz(archive)) return {read_npz(archive), {}, {}};
    throw InputError("{}: a zip archive with neither PyTorch's data.pkl nor .npy arrays",
                     file.name);
}

Checkpoint read_bytes(const FileBytes& file) {
    if (file.text().starts_with("PK\x03\x04")) return from_zip(file);
    if (looks_like_safetensors(file.bytes())) return {parse_safetensors(file).tensors, {}, {}};
    if (looks_like_pickle(file.bytes())) return read_legacy_torch_file(file);
    refuse(file);
}

}  // namespace

Checkpoint parse_checkpoint(const FileBytes& file) {
    Checkpoint checkpoint = read_bytes(file);
    checkpoint.tensors = without_prefixes(std::move(checkpoint.tensors), file.name);
    return checkpoint;
}

Checkpoint open_checkpoint(const std::filesystem::path& file) {
    require_file(file);
    const FileBytes bytes = map_file(file);
    if (!looks_like_shard_index(bytes)) return parse_checkpoint(bytes);
    Checkpoint whole;
    whole.tensors = join_shards(bytes, [&](const std::string& shard) {
        return parse_checkpoint(map_file(file.parent_path() / shard)).tensors;
    });
    return whole;
}

std::string checkpoint_sha256(const std::filesystem::path& file) {
    require_file(file);
    const FileBytes bytes = map_file(file);
    if (!looks_like_shard_index(bytes)) return sha256_hex_of_file(file);
    Sha256 hash;
    hash.update(bytes.bytes());
    for (const auto& shard : shards_of(bytes)) {
        hash.update(sha256_hex_of_file(file.parent_path() / shard));
    }
    return hash.hex_digest();
}

TensorMap read_checkpoint(const std::filesystem::path& file) {
    Checkpoint checkpoint = open_checkpoint(file);
    if (!checkpoint.others.empty()) {
        spdlog::info("{}: using its '{}', not {}", file.string(), checkpoint.entry,
                     fmt::join(checkpoint.others, ", "));
    }
    return std::move(checkpoint.tensors);
}

}  // namespace comq
