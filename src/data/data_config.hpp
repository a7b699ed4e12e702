#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace comq {

struct DataConfig {
    std::filesystem::path root;          ///< base of the relative paths below
    std::string layout = "imagefolder";  ///< a name of data/layouts.hpp
    std::filesystem::path calibration;   ///< resolved against root
    std::filesystem::path evaluation;    ///< resolved against root
    std::filesystem::path synsets;       ///< sorted wnids, a line each; empty: folder names sorted
    std::filesystem::path labels;        ///< ground truth of the evaluation images
    std::filesystem::path calibration_labels;  ///< the same of the calibration images
    std::filesystem::path classes;             ///< a list, or present_classes; empty: all
    int64_t max_bad_images = 0;

    /** Whether the program makes the images itself, so that there are no paths to give. */
    bool embedded() const { return layout == "demo"; }
};

}  // namespace comq
