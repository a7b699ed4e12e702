#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "data/data_config.hpp"
#include "image/rgb_image.hpp"

namespace comq {

struct ImageInfo {
    std::string id;        ///< name inside the data set; the same packed or unpacked, never a path
    int64_t label = -1;    ///< class index; −1: none
    uint64_t bytes = 0;    ///< size of the encoded image
    uint64_t content = 0;  ///< hash of the pixels where sizes say nothing (CIFAR, demo), else 0
};

/** An ordered set of images, numbered from 0. Const and thread-safe. */
class ImageSource {
  public:
    virtual ~ImageSource() = default;
    virtual int64_t size() const = 0;
    /** Classes of the labels; 0 for images without labels. */
    virtual int64_t classes() const = 0;
    virtual ImageInfo info(int64_t index) const = 0;
    /** Throws InputError naming the image when it can't be read or decoded. */
    virtual RgbImage load(int64_t index) const = 0;
};

enum class Split { calibration, evaluation };
/** The config key of the split's path: "data.calibration" or "data.evaluation". */
std::string_view key_of(Split split);

/**
 * Opens the images of one split in the layout the config names (layouts.hpp lists them;
 * datasets/README.md shows each). An empty path means `data.root` itself. Throws, with the key to
 * change, UsageError when the folder or file is missing, empty, or holds a class that is not
 * listed, and InputError when it is damaged or not of that layout.
 */
std::unique_ptr<ImageSource> open_image_source(const DataConfig& config, Split split);

/**
 * SHA-256 over ids, sizes, labels and content hashes of the chosen images in this order: the
 * part of a run's identity that says which images it saw.
 */
std::string source_identity(const ImageSource& source, std::span<const int64_t> indices);

}  // namespace comq
