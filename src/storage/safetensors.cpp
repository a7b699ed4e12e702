#include "storage/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/errors.hpp"
#include "storage/atomic_file.hpp"
#include "storage/safetensors_header.hpp"

namespace comq {
namespace {

static_assert(std::endian::native == std::endian::little, "the format's numbers are mapped as is");

constexpr std::size_t length_bytes = sizeof(uint64_t);
constexpr uint64_t max_header_bytes = 100'000'000;  // the format's own limit

uint64_t header_length(std::span<const std::byte> bytes) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), length_bytes);
    return length;
}

/** Every byte of the data belongs to exactly one tensor, as the format demands. */
void check_ranges(std::vector<SafetensorsEntry>& entries, uint64_t data_bytes,
                  const std::string& file) {
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
        return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    uint64_t covered = 0;
    for (const SafetensorsEntry& entry : entries) {
        const char* what = nullptr;
        if (entry.end > data_bytes) {
            what = "reaches beyond the end of the file: it is truncated";
        } else if (entry.begin < covered) {
            what = "overlaps another tensor: the file is damaged";
        } else if (entry.begin > covered) {
            what = "has a gap before it: the file is damaged";
        }
        if (what != nullptr) {
            throw InputError("{}: tensor '{}': its range {} to {} {} (download or export it again)",
                             file, entry.name, entry.begin, entry.end, what);
        }
        covered = entry.end;
    }
    if (covered != data_bytes) {
        throw damaged_file(file, "{} bytes after the last tensor belong to none",
                           data_bytes - covered);
    }
}

std::vector<TensorMap::const_iterator> in_file_order(const TensorMap& tensors) {
    std::vector<TensorMap::const_iterator> order;
    for (auto it = tensors.begin(); it != tensors.end(); ++it) order.push_back(it);
    // Wide numbers first, so that every tensor is aligned for its own.
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
        return size_of(a->second.dtype) > size_of(b->second.dtype);
    });
    return order;
}

}  // namespace

bool looks_like_safetensors(std::span<const std::byte> bytes) {
    return bytes.size() > length_bytes && bytes[length_bytes] == std::byte{'{'} &&
           header_length(bytes) <= max_header_bytes;
}

SafetensorsFile read_safetensors(const std::filesystem::path& file) {
    return parse_safetensors(map_file(file));
}

SafetensorsFile parse_safetensors(const FileBytes& file) {
    if (file.size < length_bytes) {
        throw damaged_file(file.name, "{} bytes are too few for a safetensors file", file.size);
    }
    const uint64_t length = header_length(file.bytes());
    if (length > max_header_bytes || length > file.size - length_bytes) {
        throw damaged_file(
            file.name,
            "a header of {} bytes doesn't fit: not a safetensors file, or a truncated one", length);
    }
    const std::string_view json(reinterpret_cast<const char*>(file.data.get()) + length_bytes,
                                static_cast<std::size_t>(length));
    SafetensorsHeader header = parse_safetensors_header(json, file.name);
    const std::size_t data_begin = length_bytes + static_cast<std::size_t>(length);
    check_ranges(header.entries, file.size - data_begin, file.name);

    SafetensorsFile result;
    result.metadata = std::move(header.metadata);
    for (SafetensorsEntry& entry : header.entries) {
        result.tensors.emplace(
            std::move(entry.name),
            HostTensor::over(entry.dtype, std::move(entry.shape),
                             file.share(data_begin + static_cast<std::size_t>(entry.begin))));
    }
    return result;
}

void write_safetensors(const std::filesystem::path& file, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata) {
    const auto order = in_file_order(tensors);
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::size_t offset = 0;
    for (const auto& tensor : order) {
        const std::size_t end = offset + tensor->second.nbytes();
        header[tensor->first] = {{"dtype", name_of(tensor->second.dtype)},
                                 {"shape", tensor->second.shape},
                                 {"data_offsets", {offset, end}}};
        offset = end;
    }
    std::string text;
    try {
        text = header.dump();
    } catch (const nlohmann::json::type_error&) {
        throw Failure("{}: a tensor's name or the metadata is not UTF-8", file.string());
    }
    text.resize((text.size() + 7) / 8 * 8, ' ');

    AtomicFile out(file);
    const uint64_t length = text.size();
    out.write(std::as_bytes(std::span(&length, 1)));
    out.write(std::as_bytes(std::span(text)));
    for (const auto& tensor : order) out.write(tensor->second.bytes());
    out.commit();
}

}  // namespace comq
