#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "storage/host_tensor.hpp"
#include "storage/mapped_file.hpp"

namespace comq {

/**
 * The safetensors format (github.com/huggingface/safetensors): 8 bytes of little-endian header
 * length, a JSON header of names, dtypes, shapes and byte ranges, then the data without gaps.
 */
struct SafetensorsFile {
    TensorMap tensors;
    std::map<std::string, std::string> metadata;
};

/**
 * Maps the file; its tensors share the mapping and read no data until they are used. The whole
 * header is checked: sizes, overflow, overlaps, gaps, duplicate keys, dtypes. Throws InputError
 * `FILE: tensor 'x': what (remedy)`.
 */
SafetensorsFile read_safetensors(const std::filesystem::path& file);
SafetensorsFile parse_safetensors(const FileBytes& file);

/** Replaces the file atomically (see AtomicFile). Throws Failure. */
void write_safetensors(const std::filesystem::path& file, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/** Whether the bytes begin as a safetensors file does. */
bool looks_like_safetensors(std::span<const std::byte> bytes);

}  // namespace comq
