#include <utility>

#include "data/folder_source.hpp"
#include "data/ground_truth.hpp"
#include "data/layouts.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/**
 * Images in one flat folder with a ground-truth file (ground_truth.hpp), ordered by name. A
 * folder of class folders, as the training set has them, is read as imagefolder, and so is every
 * folder for calibration, which needs no labels.
 */
std::unique_ptr<ImageSource> open_imagenet_flat(const DataConfig& config, Split split) {
    const fs::path folder = path_of(config, split);
    FolderListing listing = list_folder(folder, key_of(split));
    if (split == Split::calibration || listing.images.empty()) {
        return imagefolder_layout.open(config, split);
    }
    const GroundTruth truth = GroundTruth::read(find_ground_truth(config, folder), config.synsets);
    std::vector<LabelledFile> files;
    for (std::string& name : listing.images) {
        const int64_t label = truth.label_of(name);
        files.push_back({std::move(name), static_cast<int32_t>(label)});
    }
    return std::make_unique<FolderSource>(folder, std::move(files), truth.classes());
}

}  // namespace

const DataLayout imagenet_flat_layout{"imagenet_flat", open_imagenet_flat};

}  // namespace comq
