#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "core/errors.hpp"
#include "data/class_folders.hpp"
#include "data/encoded_source.hpp"
#include "data/folder_source.hpp"
#include "data/ground_truth.hpp"
#include "data/layouts.hpp"
#include "data/synsets.hpp"
#include "data/tar_index.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

struct LabelledMember {
    TarMember member;  ///< its name is the image's id
    int64_t label = -1;
};

class TarSource : public EncodedSource {
  public:
    TarSource(RandomAccessFile file, std::vector<LabelledMember> images, int64_t classes)
        : file_(std::move(file)), images_(std::move(images)), classes_(classes) {}

    int64_t size() const override { return static_cast<int64_t>(images_.size()); }
    int64_t classes() const override { return classes_; }
    ImageInfo info(int64_t index) const override {
        const LabelledMember& image = images_[static_cast<std::size_t>(index)];
        return {image.member.name, image.label, image.member.size};
    }
    std::optional<FileVersion> version(int64_t /*index*/) const override { return file_.version(); }
    fs::path place() const override { return fs::absolute(file_.path()); }

  private:
    std::vector<std::byte> encoded(int64_t index) const override {
        const TarMember& member = images_[static_cast<std::size_t>(index)].member;
        std::vector<std::byte> bytes(member.size);
        file_.read(member.offset, bytes);
        return bytes;
    }
    std::string shown_name(int64_t index) const override {
        return file_.path().string() + ": " + images_[static_cast<std::size_t>(index)].member.name;
    }

    RandomAccessFile file_;
    std::vector<LabelledMember> images_;
    int64_t classes_;
};

/** The deepest folder that holds all members, with a closing slash; empty at the top. */
std::string common_folder(const std::vector<TarMember>& members) {
    std::string_view common(members.front().name);
    for (const TarMember& member : members) {
        const std::string_view name(member.name);
        const auto [mine, other] =
            std::mismatch(common.begin(), common.end(), name.begin(), name.end());
        common = common.substr(0, static_cast<std::size_t>(mine - common.begin()));
    }
    const std::size_t slash = common.rfind('/');
    return std::string(slash == std::string_view::npos ? "" : common.substr(0, slash + 1));
}

/** An archive's images with their names from one folder on. */
struct TarContent {
    RandomAccessFile file;
    std::vector<TarMember> members;
};

/** Images whose folders say nothing; only for evaluation are labels looked up, as in folders. */
std::unique_ptr<ImageSource> open_flat(const DataConfig& config, Split split, TarContent content) {
    DataConfig labelled = config;
    if (split == Split::evaluation) {
        labelled.labels = find_ground_truth(config, content.file.path());
    }
    std::vector<LabelledMember> images;
    for (TarMember& member : content.members) images.push_back({std::move(member), -1});
    return with_labels_given(
        std::make_unique<TarSource>(std::move(content.file), std::move(images), 0), labelled,
        split);
}

std::string first_folder(const std::string& name) { return name.substr(0, name.find('/')); }

std::unique_ptr<ImageSource> open_class_folders(const DataConfig& config, Split split,
                                                TarContent content) {
    const std::string where = content.file.path().string();
    const std::size_t beside = std::erase_if(content.members, [](const TarMember& member) {
        return member.name.find('/') == std::string::npos;
    });
    if (beside > 0) {
        spdlog::warn("{}: {} images beside the class folders of {} are not used", key_of(split),
                     beside, where);
    }
    std::set<std::string> folders;
    std::vector<std::string> names;
    for (const TarMember& member : content.members) {
        folders.insert(first_folder(member.name));
        names.push_back(member.name);
    }
    const ClassFolders classes(config, split, where, {folders.begin(), folders.end()}, names);
    std::vector<LabelledMember> images;
    for (TarMember& member : content.members) {
        const int64_t label = classes.label_of(member.name);
        images.push_back({std::move(member), label});
    }
    std::ranges::sort(images, {}, [](const LabelledMember& image) {
        return std::pair(first_folder(image.member.name), folder_and_name(image.member.name));
    });
    return std::make_unique<TarSource>(std::move(content.file), std::move(images),
                                       classes.classes());
}

/**
 * Images inside a tar archive, read in place: ILSVRC2012_img_val.tar with a ground-truth file,
 * ILSVRC2012_img_train.tar (an archive a class), or an archive of class folders. A path that is a
 * folder is read as imagenet_flat. Ids and order are those of the unpacked files.
 */
std::unique_ptr<ImageSource> open_imagenet_tar(const DataConfig& config, Split split) {
    const fs::path path = path_of(config, split);
    if (fs::is_directory(path)) return imagenet_flat_layout.open(config, split);
    RandomAccessFile file(path);
    std::vector<TarMember> members = cached_tar_index(file);
    if (members.empty()) {
        throw InputError("{}: {} holds no images", key_of(split), path.string());
    }
    // "val/ILSVRC2012_val_00000001.JPEG" is as flat as the same without a folder.
    std::string folder = common_folder(members);
    const std::string last = fs::path(folder).parent_path().filename().string();
    const bool one_class = !last.empty() && !config.synsets.empty() &&
                           Synsets::read(config.synsets).label_of(last) >= 0;
    if (one_class) folder.resize(folder.size() - last.size() - 1);
    const bool labelled = !labels_given(config, split).empty();
    const bool in_one_folder = std::ranges::all_of(members, [&](const TarMember& member) {
        return member.name.find('/', folder.size()) == std::string::npos;
    });
    for (TarMember& member : members) member.name.erase(0, folder.size());
    TarContent content{std::move(file), std::move(members)};
    if (labelled || (in_one_folder && !one_class)) {
        return open_flat(config, split, std::move(content));
    }
    return open_class_folders(config, split, std::move(content));
}

}  // namespace

const DataLayout imagenet_tar_layout{
    "imagenet_tar",
    {"calibration", "evaluation", "synsets", "labels", "calibration_labels", "classes"},
    open_imagenet_tar};

}  // namespace comq
