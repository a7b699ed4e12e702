#include "data/data_keys.hpp"

namespace comq {

Schema<DataConfig, RunKey> data_keys(const std::vector<std::string>& layouts) {
    using enum Effect;
    Schema<DataConfig, RunKey> keys;
    keys.add({.key = "root",
              .affects = location | calibration_images | evaluation_images,
              .meaning = "Folder where the relative paths of 'data' start; itself relative to "
                         "the working directory. null: the working directory. Any path may begin "
                         "with ~/ and hold ${VAR} or ${VAR:-default}."},
             &DataConfig::root, path());
    keys.add({.key = "layout",
              .affects = calibration_images | evaluation_images,
              .meaning = "How images are stored; datasets/README.md shows each layout. demo is "
                         "the set the program generates itself."},
             &DataConfig::layout, name_of("layout", layouts));
    keys.add({.key = "calibration",
              .affects = location | calibration_images,
              .meaning = "Images for calibration; labels are not needed. Required unless "
                         "data.layout is demo or nothing is quantized."},
             &DataConfig::calibration, path());
    keys.add({.key = "evaluation",
              .affects = location | evaluation_images,
              .meaning = "Labelled images for evaluation. Required unless data.layout is demo."},
             &DataConfig::evaluation, path());
    keys.add({.key = "synsets",
              .affects = location | evaluation_images,
              .meaning = "Sorted class names (wnids), one a line: a class's line is its label. "
                         "null: the sorted names of the folders."},
             &DataConfig::synsets, path());
    keys.add({.key = "labels",
              .affects = location | evaluation_images,
              .meaning = "Ground truth of images without class folders (imagenet_flat, "
                         "imagenet_tar). null: found beside the images by its usual names."},
             &DataConfig::labels, path());
    keys.add({.key = "max_bad_images",
              .affects = resource,
              .meaning = "Unreadable images that are left out before the run stops.",
              .unit = "images"},
             &DataConfig::max_bad_images, integer<int64_t>(0));
    return keys;
}

}  // namespace comq
