#pragma once

#include <cstdint>
#include <filesystem>

namespace comq {

enum class DataLayout { imagefolder, imagenet_flat, imagenet_tar, cifar10, cifar100, demo };

struct DataConfig {
    std::filesystem::path root;  ///< base of the relative paths below
    DataLayout layout = DataLayout::imagefolder;
    std::filesystem::path calibration;  ///< resolved against root
    std::filesystem::path evaluation;   ///< resolved against root
    std::filesystem::path synsets;      ///< sorted wnids, a line each; empty: folder names sorted
    std::filesystem::path labels;       ///< ground truth of imagenet_flat and imagenet_tar
    int64_t max_bad_images = 0;
};

}  // namespace comq
