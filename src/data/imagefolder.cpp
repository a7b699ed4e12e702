#include <spdlog/spdlog.h>

#include <utility>

#include "core/errors.hpp"
#include "data/class_folders.hpp"
#include "data/folder_source.hpp"
#include "data/ground_truth.hpp"
#include "data/layouts.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

std::unique_ptr<ImageSource> unlabelled(const fs::path& folder, FolderListing listing, Split split,
                                        const fs::path& labels) {
    if (listing.images.empty()) {
        throw UsageError("{}: {} holds neither images nor class folders", key_of(split),
                         folder.string());
    }
    if (split == Split::evaluation && labels.empty()) {
        throw UsageError(
            "{}: {} holds images but no class folders, so they have no labels; use "
            "<folder>/<class>/<image>, or data.layout: imagenet_flat with a ground-truth file "
            "(for Kaggle's ILSVRC/ defaults: [base/imagenet_kaggle, …])",
            key_of(split), folder.string());
    }
    std::vector<LabelledFile> files;
    for (std::string& name : listing.images) files.push_back({std::move(name), -1});
    return std::make_unique<FolderSource>(folder, std::move(files), 0);
}

/**
 * `<class>/NAME.JPEG` below the path: an image's label is that of its class folder
 * (class_folders.hpp). For calibration, a folder of images without class folders will do: they have
 * no labels. Images are ordered by class folder, then by name; those of folders inside a class
 * folder belong to the class.
 */
std::unique_ptr<ImageSource> open_imagefolder(const DataConfig& config, Split split) {
    const fs::path folder = path_of(config, split);
    FolderListing listing = list_folder(folder, key_of(split));
    const fs::path& labels = labels_given(config, split);
    // A list of labels needs no class folders.
    if (listing.folders.empty() || (!labels.empty() && !listing.images.empty())) {
        return unlabelled(folder, std::move(listing), split, labels);
    }
    if (!listing.images.empty()) {
        spdlog::warn("{}: {} images beside the class folders of {} are not used", key_of(split),
                     listing.images.size(), folder.string());
    }
    std::vector<std::string> images;
    for (const std::string& name : listing.folders) {
        for (const std::string& image : list_images_below(folder / name, key_of(split))) {
            images.push_back(name + "/" + image);
        }
    }
    if (images.empty()) {
        throw UsageError("{}: the {} class folders of {} hold no images", key_of(split),
                         listing.folders.size(), folder.string());
    }
    const ClassFolders classes(config, split, folder.string(), listing.folders, images);
    std::vector<LabelledFile> files;
    for (std::string& image : images) {
        const int64_t label = classes.label_of(image);
        files.push_back({std::move(image), static_cast<int32_t>(label)});
    }
    return std::make_unique<FolderSource>(folder, std::move(files), classes.classes());
}

/** Labels that the config names count instead of folders. */
std::unique_ptr<ImageSource> open_labelled_imagefolder(const DataConfig& config, Split split) {
    return with_labels_given(open_imagefolder(config, split), config, split);
}

}  // namespace

const DataLayout imagefolder_layout{
    "imagefolder",
    {"calibration", "evaluation", "synsets", "labels", "calibration_labels", "classes"},
    open_labelled_imagefolder};

}  // namespace comq
