#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>

#include "data/image_source.hpp"

namespace comq {

/**
 * Labels of images that lie in one flat folder or archive, from a text file in any of the forms
 * in use (the first line tells which; words are separated by blanks or commas):
 *   `490`                                   ILSVRC2012_validation_ground_truth.txt of the
 *                                           development kit: class ids 1–1000 in its own order,
 *                                           line n is ILSVRC2012_val_<n>
 *   `n01751748`                             one wnid a line, line n likewise
 *   `ILSVRC2012_val_00000001.JPEG 65`       val.txt: class index from 0
 *   `ILSVRC2012_val_00000001,n01751748 …`   LOC_val_solution.csv: wnid, the rest is ignored
 * Names count without folder and extension.
 */
class GroundTruth {
  public:
    /**
     * `synsets` is data.synsets; without it wnids are numbered in sorted order of those that
     * occur. Throws, naming file and line, InputError, and UsageError when there is no file or a
     * class is not in `synsets`.
     */
    static GroundTruth read(const std::filesystem::path& file,
                            const std::filesystem::path& synsets);

    int64_t classes() const { return classes_; }
    /** Throws UsageError naming the file when it lists no label for the image. */
    int64_t label_of(const std::string& image) const;

  private:
    std::filesystem::path file_;
    std::unordered_map<std::string, int64_t> labels_;
    int64_t classes_ = 0;
};

/**
 * The file of `data.labels`, or else the first of the usual names in the folders where it usually
 * lies: beside or above the images, in data.root, in the development kit. Throws UsageError when
 * there is none.
 */
std::filesystem::path find_ground_truth(const DataConfig& config,
                                        const std::filesystem::path& images);

}  // namespace comq
