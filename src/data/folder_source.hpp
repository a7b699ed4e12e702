#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/image_source.hpp"

namespace comq {

struct LabelledFile {
    std::string name;    ///< relative to the folder; the image's id
    int32_t label = -1;  ///< −1: none
};

/** Images that are files below one folder, in the order given. */
class FolderSource : public ImageSource {
  public:
    FolderSource(std::filesystem::path folder, std::vector<LabelledFile> files, int64_t classes);

    int64_t size() const override { return static_cast<int64_t>(files_.size()); }
    int64_t classes() const override { return classes_; }
    ImageInfo info(int64_t index) const override;
    RgbImage load(int64_t index) const override;

  private:
    const LabelledFile& file(int64_t index) const {
        return files_[static_cast<std::size_t>(index)];
    }

    std::filesystem::path folder_;
    std::vector<LabelledFile> files_;
    int64_t classes_;
};

/** Sorted names of what lies in a folder, hidden entries left out. */
struct FolderListing {
    std::vector<std::string> folders;
    std::vector<std::string> images;  ///< by extension, whatever they turn out to be
};
/** Throws, naming `key`, UsageError when `folder` is no folder, InputError if it can't be listed.
 */
FolderListing list_folder(const std::filesystem::path& folder, std::string_view key);

/** True for the usual extensions of images, in any case. */
bool has_image_extension(const std::filesystem::path& name);

}  // namespace comq
