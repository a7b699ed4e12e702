#include "data/image_source.hpp"

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/nearest_name.hpp"
#include "data/layouts.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

const std::vector<const DataLayout*>& layouts() {
#define COMQ_LIST_LAYOUT(layout) &layout,
    static const std::vector<const DataLayout*> all{COMQ_DATA_LAYOUTS(COMQ_LIST_LAYOUT)};
#undef COMQ_LIST_LAYOUT
    return all;
}

}  // namespace

std::string_view key_of(Split split) {
    return split == Split::calibration ? "data.calibration" : "data.evaluation";
}

std::vector<std::string> data_layout_names() {
    std::vector<std::string> names;
    for (const DataLayout* layout : layouts()) names.push_back(layout->name);
    return names;
}

std::unique_ptr<ImageSource> open_image_source(const DataConfig& config, Split split) {
    for (const DataLayout* layout : layouts()) {
        if (layout->name == config.layout) return layout->open(config, split);
    }
    throw UsageError("data.layout: there is no layout '{}'; the nearest is '{}'", config.layout,
                     nearest_name(config.layout, data_layout_names()));
}

fs::path path_of(const DataConfig& config, Split split) {
    const fs::path& path = split == Split::calibration ? config.calibration : config.evaluation;
    const fs::path resolved = path.empty() ? config.root : path;
    if (resolved.empty()) {
        throw UsageError("{} names no path; set it or data.root", key_of(split));
    }
    std::error_code error;
    if (fs::status(resolved, error).type() == fs::file_type::not_found) {
        throw UsageError("{}: {}: does not exist", key_of(split), resolved.string());
    }
    if (error) {
        throw InputError("{}: {}: {}", key_of(split), resolved.string(), error.message());
    }
    return resolved;
}

std::string source_identity(const ImageSource& source, std::span<const int64_t> indices) {
    Sha256 hash;
    for (const int64_t index : indices) {
        const ImageInfo info = source.info(index);
        hash.update(fmt::format("{} {} {} {} {}\n", info.id.size(), info.id, info.bytes, info.label,
                                info.content));
    }
    return hash.hex_digest();
}

}  // namespace comq
