#include "data/image_source.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/nearest_name.hpp"
#include "data/class_subset.hpp"
#include "data/content_memory.hpp"
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

const DataLayout& find_layout(const std::string& name) {
    for (const DataLayout* layout : layouts()) {
        if (layout->name == name) return *layout;
    }
    throw UsageError("data.layout: there is no layout '{}'; the nearest is '{}'", name,
                     nearest_name(name, data_layout_names()));
}

bool DataLayout::reads_key(std::string_view key) const {
    static constexpr std::array<std::string_view, 3> of_all{"root", "layout", "max_bad_images"};
    return std::ranges::find(of_all, key) != of_all.end() ||
           std::ranges::find(reads, key) != reads.end();
}

std::string unread_by_layout(const DataLayout& layout, std::string_view key) {
    std::vector<std::string> readers;
    for (const DataLayout* other : layouts()) {
        if (other->reads_key(key)) readers.push_back(other->name);
    }
    return fmt::format(
        "the layout {} does not read it ({} {}); take it out, or choose another data.layout",
        layout.name, fmt::join(readers, ", "), readers.size() == 1 ? "does" : "do");
}

std::unique_ptr<ImageSource> open_image_source(const DataConfig& config, Split split) {
    auto images = find_layout(config.layout).open(config, split);
    return split == Split::evaluation ? restrict_classes(std::move(images), config)
                                      : std::move(images);
}

const fs::path& given_path(const DataConfig& config, Split split) {
    const fs::path& path = split == Split::calibration ? config.calibration : config.evaluation;
    return path.empty() ? config.root : path;
}

fs::path path_of(const DataConfig& config, Split split) {
    const fs::path resolved = given_path(config, split);
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

uint64_t ImageSource::content(int64_t index) const {
    const RgbImage image = load(index);
    return content_hash(std::as_bytes(std::span(image.pixels)));
}

std::optional<FileVersion> ImageSource::version(int64_t /*index*/) const { return std::nullopt; }

std::string source_identity(const ImageSource& source, std::span<const int64_t> indices) {
    const std::vector<uint64_t> contents = contents_of(source, indices);
    Sha256 hash;
    for (std::size_t i = 0; i < indices.size(); ++i) {
        const ImageInfo info = source.info(indices[i]);
        hash.update(fmt::format("{} {} {} {} {}\n", info.id.size(), info.id, info.bytes, info.label,
                                contents[i]));
        const std::vector<int64_t> labels = source.labels(indices[i]);
        if (labels.size() > 1) hash.update(fmt::format("{}\n", fmt::join(labels, " ")));
    }
    return hash.hex_digest();
}

}  // namespace comq
