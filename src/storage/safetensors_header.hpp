#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "storage/host_tensor.hpp"

namespace comq {

/** One tensor as a safetensors header describes it; its own extents fit its byte range. */
struct SafetensorsEntry {
    std::string name;
    DType dtype = DType::f32;
    std::vector<int64_t> shape;
    uint64_t begin = 0;  ///< byte range in the data that follows the header
    uint64_t end = 0;
};

struct SafetensorsHeader {
    std::vector<SafetensorsEntry> entries;
    std::map<std::string, std::string> metadata;
};

/**
 * Reads the JSON header strictly, in one pass without building a document. `file` is for
 * messages. Throws InputError.
 */
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& file);

}  // namespace comq
