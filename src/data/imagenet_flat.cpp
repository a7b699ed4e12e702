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
    if (split == Split::calibration || list_folder(folder, key_of(split)).images.empty()) {
        return imagefolder_layout.open(config, split);
    }
    DataConfig labelled = config;
    labelled.labels = find_ground_truth(config, folder);
    return imagefolder_layout.open(labelled, split);
}

}  // namespace

const DataLayout imagenet_flat_layout{
    "imagenet_flat",
    {"calibration", "evaluation", "synsets", "labels", "calibration_labels", "classes"},
    open_imagenet_flat};

}  // namespace comq
