#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/encoded_source.hpp"

namespace comq {

struct LabelledFile {
    std::string name;    ///< relative to the folder; the image's id
    int32_t label = -1;  ///< −1: none
};

/** Images that are files below one folder, in the order given. */
class FolderSource : public EncodedSource {
  public:
    FolderSource(std::filesystem::path folder, std::vector<LabelledFile> files, int64_t classes);

    int64_t size() const override { return static_cast<int64_t>(files_.size()); }
    int64_t classes() const override { return classes_; }
    ImageInfo info(int64_t index) const override;
    std::optional<FileVersion> version(int64_t index) const override;
    std::filesystem::path place() const override { return std::filesystem::absolute(folder_); }

  private:
    std::vector<std::byte> encoded(int64_t index) const override;
    std::string shown_name(int64_t index) const override { return path_of_image(index).string(); }
    std::filesystem::path path_of_image(int64_t index) const { return folder_ / file(index).name; }
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

/**
 * Images of a class folder and of all folders below it, in torchvision's order: folder by folder,
 * then by name. Names are relative to `folder`. Throws what list_folder throws, and InputError when
 * a link leads back to a folder above it.
 */
std::vector<std::string> list_images_below(const std::filesystem::path& folder,
                                           std::string_view key);

/** Folder and name of a path, to sort folder by folder; whole paths sort otherwise. */
std::pair<std::string_view, std::string_view> folder_and_name(std::string_view path);

/** True for the usual extensions of images, in any case. */
bool has_image_extension(const std::filesystem::path& name);

}  // namespace comq
