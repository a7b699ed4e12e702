#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/image_source.hpp"

namespace comq {

/**
 * The classes of images that lie in folders named after them. A folder's label is its line in
 * `data.synsets`; without it, its position among the sorted folders. Folders that are all called by
 * numbers (ImageNet-V2) and are no synsets are sorted as numbers: the number is the label, unless
 * they are 1, 2, … n, which count from 1.
 */
class ClassFolders {
  public:
    /**
     * `folders`: all class folders of `where`, a folder or an archive; `images`: paths from there
     * on. Throws UsageError when a folder is not among the synsets, and when there are none and no
     * class folder holds an image itself.
     */
    ClassFolders(const DataConfig& config, Split split, const std::string& where,
                 const std::vector<std::string>& folders, const std::vector<std::string>& images);

    int64_t classes() const { return classes_; }
    /** `image`: a path that begins with a class folder. */
    int64_t label_of(const std::string& image) const;

  private:
    void number(const std::vector<std::string>& folders, const std::vector<int64_t>& numbers);

    std::map<std::string, int64_t, std::less<>> labels_;
    int64_t classes_ = 0;
};

}  // namespace comq
