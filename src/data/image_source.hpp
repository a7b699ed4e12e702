#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/data_config.hpp"
#include "data/file_reader.hpp"
#include "image/rgb_image.hpp"

namespace comq {

struct ImageInfo {
    std::string id;      ///< name inside the data set; the same packed or unpacked, never a path
    int64_t label = -1;  ///< class index; −1: none
    uint64_t bytes = 0;  ///< size of the encoded image
};

/** An ordered set of images, numbered from 0. Const and thread-safe. */
class ImageSource {
  public:
    virtual ~ImageSource() = default;
    virtual int64_t size() const = 0;
    /** Classes of the labels; 0 for images without labels. */
    virtual int64_t classes() const = 0;
    /** Cheap: it is asked for whenever an image is loaded, and decodes nothing. */
    virtual ImageInfo info(int64_t index) const = 0;
    /** Throws InputError naming the image when it can't be read or decoded. */
    virtual RgbImage load(int64_t index) const = 0;
    /** The classes that count as right: more than one where a ground truth has several. */
    virtual std::vector<int64_t> labels(int64_t index) const { return {info(index).label}; }
    /** The classes that a network may predict; empty: all. */
    virtual std::vector<int64_t> valid_classes() const { return {}; }
    /** Hash of the image as it is stored, or else of its pixels. Throws what load does. */
    virtual uint64_t content(int64_t index) const;
    /** Version of the file that holds the image; none: content is cheap, or has no file. */
    virtual std::optional<FileVersion> version(int64_t index) const;
    /** Absolute path below which the images are; empty: they have none. */
    virtual std::filesystem::path place() const { return {}; }
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
 * SHA-256 over ids, sizes, labels and contents (content_memory.hpp) of the chosen images in this
 * order: the part of a run's identity that says which images it saw.
 */
std::string source_identity(const ImageSource& source, std::span<const int64_t> indices);

}  // namespace comq
