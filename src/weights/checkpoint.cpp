#include "weights/checkpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <array>
#include <set>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/paths.hpp"
#include "storage/safetensors.hpp"
#include "weights/npz.hpp"
#include "weights/sharded_checkpoint.hpp"
#include "weights/torch_file.hpp"
#include "weights/zip_archive.hpp"

namespace comq {
namespace {

/** A folder's weights, the first that there is; an index goes before one of its shards. */
constexpr std::array<std::string_view, 4> names_in_folders{
    "model.safetensors.index.json", "model.safetensors", "pytorch_model.bin.index.json",
    "pytorch_model.bin"};

constexpr std::string_view data_parallel = "module.";
/** What wrappers of modules put into names, wherever they stand. */
constexpr std::array<std::string_view, 3> wrapper_parts{"_orig_mod.", "_fsdp_wrapped_module.",
                                                        "_checkpoint_wrapped_module."};

std::string without_wrappers(std::string name) {
    for (const std::string_view part : wrapper_parts) {
        for (std::size_t at = 0; (at = name.find(part, at)) != std::string::npos;) {
            if (at == 0 || name[at - 1] == '.') {
                name.erase(at, part.size());
            } else {
                at += part.size();
            }
        }
    }
    while (name.starts_with(data_parallel)) name.erase(0, data_parallel.size());
    return name;
}

TensorMap without_wrappers(TensorMap tensors, const std::string& file) {
    TensorMap result;
    for (auto& [name, tensor] : tensors) {
        // torch.optim.swa_utils.AveragedModel counts what it has averaged.
        if (name == "n_averaged" && tensor.shape.empty()) continue;
        const auto [place, inserted] = result.emplace(without_wrappers(name), std::move(tensor));
        if (!inserted) {
            throw InputError(
                "{}: tensor '{}' stands there twice, with and without the prefix of a "
                "wrapper ({} or {})",
                file, place->first, data_parallel, fmt::join(wrapper_parts, " or "));
        }
    }
    return result;
}

/** The tensors whose names begin with `wanted`, in a format without dictionaries. */
TensorMap below(TensorMap tensors, const std::string& wanted, const std::string& file) {
    if (wanted.empty()) return tensors;
    const std::string prefix = wanted + ".";
    TensorMap result;
    std::set<std::string> begins;
    for (auto& [name, tensor] : tensors) {
        begins.insert(name.substr(0, name.find('.')));
        if (name.starts_with(prefix)) result.emplace(name.substr(prefix.size()), tensor);
    }
    if (result.empty()) {
        throw InputError(
            "{}: model.state_dict names '{}', but no tensor's name begins with it; names begin "
            "with {}",
            file, wanted, fmt::join(begins, ", "));
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

Checkpoint flat(TensorMap tensors, const std::string& wanted, const std::string& file) {
    return {below(std::move(tensors), wanted, file), wanted, {}};
}

Checkpoint from_zip(const FileBytes& file, const std::string& wanted) {
    ZipArchive archive(file);
    if (is_torch_archive(archive)) return read_torch_archive(archive, file, wanted);
    if (is_npz(archive)) return flat(read_npz(archive), wanted, file.name);
    throw InputError("{}: a zip archive with neither PyTorch's data.pkl nor .npy arrays",
                     file.name);
}

Checkpoint read_bytes(const FileBytes& file, const std::string& wanted) {
    if (file.text().starts_with("PK\x03\x04")) return from_zip(file, wanted);
    if (looks_like_safetensors(file.bytes())) {
        return flat(parse_safetensors(file).tensors, wanted, file.name);
    }
    if (looks_like_pickle(file.bytes())) return read_legacy_torch_file(file, wanted);
    refuse(file);
}

}  // namespace

std::filesystem::path checkpoint_file(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored)) return path;
    for (const std::string_view name : names_in_folders) {
        if (std::filesystem::exists(path / name, ignored)) return path / name;
    }
    throw UsageError("{}: is a folder without weights; looked for {}; name the file itself",
                     path.string(), fmt::join(names_in_folders, ", "));
}

Checkpoint parse_checkpoint(const FileBytes& file, const std::string& wanted) {
    Checkpoint checkpoint = read_bytes(file, wanted);
    checkpoint.tensors = without_wrappers(std::move(checkpoint.tensors), file.name);
    return checkpoint;
}

Checkpoint open_checkpoint(const std::filesystem::path& path, const std::string& wanted) {
    const std::filesystem::path file = checkpoint_file(path);
    require_file(file);
    const FileBytes bytes = map_file(file);
    if (!looks_like_shard_index(bytes)) return parse_checkpoint(bytes, wanted);
    TensorMap whole = join_shards(bytes, [&](const std::string& shard) {
        return read_bytes(map_file(file.parent_path() / shard), {}).tensors;
    });
    return {without_wrappers(below(std::move(whole), wanted, bytes.name), bytes.name), wanted, {}};
}

std::string checkpoint_sha256(const std::filesystem::path& path) {
    const std::filesystem::path file = checkpoint_file(path);
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

TensorMap read_checkpoint(const std::filesystem::path& path, const std::string& wanted) {
    Checkpoint checkpoint = open_checkpoint(path, wanted);
    if (!checkpoint.others.empty()) {
        spdlog::info("{}: using its '{}', not {} (model.state_dict chooses)", path.string(),
                     checkpoint.entry, fmt::join(checkpoint.others, ", "));
    }
    return std::move(checkpoint.tensors);
}

}  // namespace comq
