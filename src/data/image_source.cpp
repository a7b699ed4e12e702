#include "data/image_source.hpp"

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "data/demo_source.hpp"
#include "data/layouts.hpp"

namespace comq {

namespace fs = std::filesystem;

std::string_view key_of(Split split) {
    return split == Split::calibration ? "data.calibration" : "data.evaluation";
}

std::unique_ptr<ImageSource> open_image_source(const DataConfig& config, Split split) {
    switch (config.layout) {
        case DataLayout::imagefolder:
            return open_imagefolder(config, split);
        case DataLayout::cifar10:
            return open_cifar(config, split, cifar10_format());
        case DataLayout::cifar100:
            return open_cifar(config, split, cifar100_format());
        case DataLayout::imagenet_flat:
            return open_imagenet_flat(config, split);
        case DataLayout::imagenet_tar:
            return open_imagenet_tar(config, split);
        case DataLayout::demo:
            return make_demo_source(split);
    }
    throw Failure("data.layout: not one of the layouts");
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
