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
                         "imagenet: the 1,000 of ILSVRC-2012. null: the sorted names of the "
                         "folders."},
             &DataConfig::synsets, path());
    keys.add({.key = "labels",
              .affects = location | evaluation_images,
              .meaning = "Ground truth of the evaluation images, which counts instead of class "
                         "folders: a list, or ReaL's real.json. null: the folders, or what lies "
                         "beside images without folders under its usual names."},
             &DataConfig::labels, path());
    keys.add({.key = "calibration_labels",
              .affects = location | calibration_images,
              .meaning = "Ground truth of the calibration images, in the forms of data.labels. "
                         "null: the class folders, if any."},
             &DataConfig::calibration_labels, path());
    keys.add({.key = "classes",
              .affects = location | evaluation_images,
              .meaning = "Classes to evaluate: only their images, and no other may be predicted. A "
                         "list of indices or names, one a line; present: those that have images; "
                         "null: all."},
             &DataConfig::classes, path());
    keys.add({.key = "max_bad_images",
              .affects = resource,
              .meaning = "Unreadable images that are left out before the run stops.",
              .unit = "images"},
             &DataConfig::max_bad_images, integer<int64_t>(0));
    return keys;
}

}  // namespace comq
