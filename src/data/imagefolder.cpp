#include <spdlog/spdlog.h>

#include <utility>

#include "core/errors.hpp"
#include "data/folder_source.hpp"
#include "data/layouts.hpp"
#include "data/synsets.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

std::unique_ptr<ImageSource> unlabelled(const fs::path& folder, FolderListing listing,
                                        Split split) {
    if (listing.images.empty()) {
        throw UsageError("{}: {} holds neither images nor class folders", key_of(split),
                         folder.string());
    }
    if (split == Split::evaluation) {
        throw UsageError(
            "{}: {} holds images but no class folders, so they have no labels; use "
            "<folder>/<class>/<image>, or data.layout: imagenet_flat with a ground-truth file",
            key_of(split), folder.string());
    }
    std::vector<LabelledFile> files;
    for (std::string& name : listing.images) files.push_back({std::move(name), -1});
    return std::make_unique<FolderSource>(folder, std::move(files), 0);
}

/**
 * `<class>/NAME.JPEG` below the path: an image's label is its class's line in `data.synsets`, or
 * the position among the sorted folder names. For calibration, a folder of images without class
 * folders will do: they have no labels. Images are ordered by class folder, then by name.
 */
std::unique_ptr<ImageSource> open_imagefolder(const DataConfig& config, Split split) {
    const fs::path folder = path_of(config, split);
    FolderListing listing = list_folder(folder, key_of(split));
    if (listing.folders.empty()) return unlabelled(folder, std::move(listing), split);
    if (!listing.images.empty()) {
        spdlog::warn("{}: {} images beside the class folders of {} are not used", key_of(split),
                     listing.images.size(), folder.string());
    }
    const Synsets synsets =
        config.synsets.empty() ? Synsets(listing.folders) : Synsets::read(config.synsets);
    std::vector<LabelledFile> files;
    for (const std::string& name : listing.folders) {
        const int64_t label = synsets.label_of(name);
        if (label < 0) {
            throw UsageError("{}: the folder {} is not a class of data.synsets ({})", key_of(split),
                             (folder / name).string(), config.synsets.string());
        }
        for (const std::string& image : list_folder(folder / name, key_of(split)).images) {
            files.push_back({name + "/" + image, static_cast<int32_t>(label)});
        }
    }
    if (files.empty()) {
        throw UsageError("{}: the {} class folders of {} hold no images", key_of(split),
                         listing.folders.size(), folder.string());
    }
    return std::make_unique<FolderSource>(folder, std::move(files), synsets.size());
}

}  // namespace

const DataLayout imagefolder_layout{"imagefolder", open_imagefolder};

}  // namespace comq
