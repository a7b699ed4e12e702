#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

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
 * or from real.json of ReaL: for ILSVRC2012_val_<n> in turn a list of class indices, each of them
 * right; images of an empty list do not count. Names count without folder and extension.
 */
class GroundTruth {
  public:
    /**
     * `synsets` is data.synsets; without it wnids are numbered in sorted order of those that
     * occur. `key` is the config key that names the file. Throws, naming file and line, InputError,
     * and UsageError when there is no file or a class is not in `synsets`.
     */
    static GroundTruth read(const std::filesystem::path& file, const std::filesystem::path& synsets,
                            std::string_view key = "data.labels");

    int64_t classes() const { return classes_; }
    /** The classes that are right; throws UsageError naming the file when it has no such image. */
    const std::vector<int64_t>& labels_of(const std::string& image) const;
    const std::filesystem::path& file() const { return file_; }

  private:
    void read_single(const std::filesystem::path& synsets);
    void read_several(const std::filesystem::path& synsets);

    std::filesystem::path file_;
    std::string key_;
    std::unordered_map<std::string, std::vector<int64_t>> labels_;
    int64_t classes_ = 0;
};

/** Images with the labels of a ground truth, those without a label left out (said in one line). */
std::unique_ptr<ImageSource> with_labels(std::unique_ptr<ImageSource> images,
                                         const GroundTruth& truth);

/** The file of labels that the config names for the split; empty: none. */
const std::filesystem::path& labels_given(const DataConfig& config, Split split);

/** with_labels of the file that labels_given names; without one `images` as they are. */
std::unique_ptr<ImageSource> with_labels_given(std::unique_ptr<ImageSource> images,
                                               const DataConfig& config, Split split);

/**
 * The file of `data.labels`, or else the first of the usual names in the folders where it usually
 * lies: beside or above the images, in data.root, in the development kit. Throws UsageError when
 * there is none.
 */
std::filesystem::path find_ground_truth(const DataConfig& config,
                                        const std::filesystem::path& images);

}  // namespace comq
