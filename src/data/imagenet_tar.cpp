#include <optional>
#include <set>
#include <utility>

#include "core/errors.hpp"
#include "data/ground_truth.hpp"
#include "data/layouts.hpp"
#include "data/synsets.hpp"
#include "data/tar_index.hpp"
#include "image/decode.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

struct LabelledMember {
    TarMember member;
    int64_t label = -1;
};

class TarSource : public ImageSource {
  public:
    TarSource(RandomAccessFile file, std::vector<LabelledMember> images, int64_t classes)
        : file_(std::move(file)), images_(std::move(images)), classes_(classes) {}

    int64_t size() const override { return static_cast<int64_t>(images_.size()); }
    int64_t classes() const override { return classes_; }
    ImageInfo info(int64_t index) const override {
        const LabelledMember& image = images_[static_cast<std::size_t>(index)];
        return {image.member.name, image.label, image.member.size, 0};
    }
    RgbImage load(int64_t index) const override {
        const TarMember& member = images_[static_cast<std::size_t>(index)].member;
        std::vector<std::byte> bytes(member.size);
        file_.read(member.offset, bytes);
        return decode_image(bytes, file_.path().string() + ": " + member.name);
    }

  private:
    RandomAccessFile file_;
    std::vector<LabelledMember> images_;
    int64_t classes_;
};

std::string folder_of(const TarMember& member) {
    return fs::path(member.name).parent_path().filename().string();
}

std::string file_of(const TarMember& member) { return fs::path(member.name).filename().string(); }

/** Images all in one folder; only for evaluation are labels looked up, as in imagefolder. */
std::unique_ptr<ImageSource> open_flat(const DataConfig& config, Split split, RandomAccessFile file,
                                       std::vector<TarMember> members) {
    std::optional<GroundTruth> truth;
    if (split == Split::evaluation) {
        truth = GroundTruth::read(find_ground_truth(config, file.path()), config.synsets);
    }
    std::vector<LabelledMember> images;
    for (TarMember& member : members) {
        member.name = file_of(member);
        const int64_t label = truth ? truth->label_of(member.name) : -1;
        images.push_back({std::move(member), label});
    }
    return std::make_unique<TarSource>(std::move(file), std::move(images),
                                       truth ? truth->classes() : 0);
}

std::unique_ptr<ImageSource> open_class_folders(const DataConfig& config, Split split,
                                                const std::set<std::string>& folders,
                                                RandomAccessFile file,
                                                std::vector<TarMember> members) {
    const Synsets synsets = config.synsets.empty() ? Synsets({folders.begin(), folders.end()})
                                                   : Synsets::read(config.synsets);
    std::vector<LabelledMember> images;
    for (TarMember& member : members) {
        const std::string folder = folder_of(member);
        const int64_t label = synsets.label_of(folder);
        if (label < 0) {
            throw UsageError("{}: {} holds the class {}, which is not in data.synsets ({})",
                             key_of(split), file.path().string(), folder, config.synsets.string());
        }
        member.name = folder + "/" + file_of(member);
        images.push_back({std::move(member), label});
    }
    return std::make_unique<TarSource>(std::move(file), std::move(images), synsets.size());
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
    std::set<std::string> folders;
    for (const TarMember& member : members) folders.insert(folder_of(member));
    // "val/ILSVRC2012_val_00000001.JPEG" is as flat as the same without a folder.
    if (folders.size() == 1) return open_flat(config, split, std::move(file), std::move(members));
    return open_class_folders(config, split, folders, std::move(file), std::move(members));
}

}  // namespace

const DataLayout imagenet_tar_layout{"imagenet_tar", open_imagenet_tar};

}  // namespace comq
