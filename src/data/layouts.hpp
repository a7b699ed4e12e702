#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "data/image_source.hpp"

namespace comq {

// One function a layout; open_image_source chooses. All throw what it throws.

/** The split's path; throws when it is not set or does not exist. */
std::filesystem::path path_of(const DataConfig& config, Split split);

/**
 * `<class>/NAME.JPEG` below the path: a picture's label is its class's line in `data.synsets`, or
 * the position among the sorted folder names. For calibration, a folder of pictures without class
 * folders will do: they have no labels. Pictures are ordered by class folder, then by name.
 */
std::unique_ptr<ImageSource> open_imagefolder(const DataConfig& config, Split split);

/**
 * Pictures in one flat folder with a ground-truth file (ground_truth.hpp), ordered by name. A
 * folder of class folders, as the training set has them, is read as imagefolder, and so is every
 * folder for calibration, which needs no labels.
 */
std::unique_ptr<ImageSource> open_imagenet_flat(const DataConfig& config, Split split);

/**
 * Pictures inside a tar archive, read in place: ILSVRC2012_img_val.tar with a ground-truth file,
 * ILSVRC2012_img_train.tar (an archive a class), or an archive of class folders. A path that is a
 * folder is read as imagenet_flat. Ids and order are those of the unpacked files.
 */
std::unique_ptr<ImageSource> open_imagenet_tar(const DataConfig& config, Split split);

/** How the records of a binary CIFAR file look: label bytes, then 3 planes of 32 × 32 pixels. */
struct CifarFormat {
    std::string name;
    int64_t classes;
    int64_t label_bytes;            ///< the last of them is the label
    std::string calibration_files;  ///< prefix of the training files' names
    std::string evaluation_files;
};
CifarFormat cifar10_format();
CifarFormat cifar100_format();

/** A binary CIFAR file, or a folder that holds the standard files of the split. */
std::unique_ptr<ImageSource> open_cifar(const DataConfig& config, Split split,
                                        const CifarFormat& format);

}  // namespace comq
