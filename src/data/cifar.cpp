#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "data/content_memory.hpp"
#include "data/file_reader.hpp"
#include "data/layouts.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr int side = 32;
constexpr int64_t plane = side * side;
constexpr int64_t pixel_bytes = 3 * plane;

/** How the records of a binary CIFAR file look: label bytes, then 3 planes of 32 × 32 pixels. */
struct CifarFormat {
    std::string name;
    int64_t classes;
    int64_t label_bytes;            ///< the last of them is the label
    std::string calibration_files;  ///< prefix of the training files' names
    std::string evaluation_files;
};

CifarFormat cifar10_format() { return {"cifar10", 10, 1, "data_batch", "test_batch"}; }
CifarFormat cifar100_format() { return {"cifar100", 100, 2, "train", "test"}; }

int64_t record_bytes(const CifarFormat& format) { return format.label_bytes + pixel_bytes; }

class CifarSource : public ImageSource {
  public:
    CifarSource(CifarFormat format, std::vector<RandomAccessFile> files)
        : format_(std::move(format)), files_(std::move(files)) {
        for (const RandomAccessFile& file : files_) {
            first_.push_back(size_);
            size_ += static_cast<int64_t>(file.size()) / record_bytes(format_);
        }
    }

    int64_t size() const override { return size_; }
    int64_t classes() const override { return format_.classes; }

    ImageInfo info(int64_t index) const override {
        const auto [file, record] = locate(index);
        const std::vector<std::byte> bytes = read(file, record);
        const auto label =
            std::to_integer<int64_t>(bytes[static_cast<std::size_t>(format_.label_bytes - 1)]);
        if (label >= format_.classes) {
            throw InputError("{}: the label at byte {} is {}, but {} has {} classes",
                             file.path().string(),
                             record * record_bytes(format_) + format_.label_bytes - 1, label,
                             format_.name, format_.classes);
        }
        return {fmt::format("{}:{}", file.path().filename().string(), record), label, bytes.size()};
    }

    uint64_t content(int64_t index) const override {
        const auto [file, record] = locate(index);
        return content_hash(read(file, record));
    }

    RgbImage load(int64_t index) const override {
        const auto [file, record] = locate(index);
        const std::vector<std::byte> bytes = read(file, record);
        RgbImage image{side, side, std::vector<uint8_t>(static_cast<std::size_t>(pixel_bytes))};
        for (int64_t channel = 0; channel < 3; ++channel) {
            for (int64_t i = 0; i < plane; ++i) {
                image.pixels[static_cast<std::size_t>(3 * i + channel)] = std::to_integer<uint8_t>(
                    bytes[static_cast<std::size_t>(format_.label_bytes + channel * plane + i)]);
            }
        }
        return image;
    }

  private:
    std::pair<const RandomAccessFile&, int64_t> locate(int64_t index) const {
        const auto next = std::upper_bound(first_.begin(), first_.end(), index);
        const auto file = static_cast<std::size_t>(next - first_.begin() - 1);
        return {files_[file], index - first_[file]};
    }

    std::vector<std::byte> read(const RandomAccessFile& file, int64_t record) const {
        std::vector<std::byte> bytes(static_cast<std::size_t>(record_bytes(format_)));
        file.read(static_cast<uint64_t>(record * record_bytes(format_)), bytes);
        return bytes;
    }

    CifarFormat format_;
    std::vector<RandomAccessFile> files_;
    std::vector<int64_t> first_;  ///< index of each file's first image
    int64_t size_ = 0;
};

RandomAccessFile open_checked(const fs::path& path, const CifarFormat& format, Split split) {
    RandomAccessFile file(path);
    const auto size = static_cast<int64_t>(file.size());
    if (size > 0 && size % record_bytes(format) == 0) return file;
    const CifarFormat other = format.name == "cifar10" ? cifar100_format() : cifar10_format();
    throw InputError("{}: {} has {} bytes, not a multiple of the {} of a {} image{}", key_of(split),
                     path.string(), size, record_bytes(format), format.name,
                     size > 0 && size % record_bytes(other) == 0
                         ? fmt::format("; set data.layout: {}", other.name)
                         : "; the binary version of the data set is needed");
}

std::vector<fs::path> files_of(const fs::path& folder, const CifarFormat& format, Split split) {
    const std::string& prefix =
        split == Split::calibration ? format.calibration_files : format.evaluation_files;
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(prefix) && name.ends_with(".bin")) files.push_back(entry.path());
    }
    if (files.empty()) {
        throw UsageError("{}: {} holds no {}*.bin of the binary {}", key_of(split), folder.string(),
                         prefix, format.name);
    }
    std::sort(files.begin(), files.end());
    return files;
}

/** A binary CIFAR file, or a folder that holds the standard files of the split. */
std::unique_ptr<ImageSource> open_cifar(const DataConfig& config, Split split,
                                        const CifarFormat& format) {
    const fs::path path = path_of(config, split);
    std::vector<RandomAccessFile> files;
    for (const fs::path& file :
         fs::is_directory(path) ? files_of(path, format, split) : std::vector{path}) {
        files.push_back(open_checked(file, format, split));
    }
    return std::make_unique<CifarSource>(format, std::move(files));
}

}  // namespace

const DataLayout cifar10_layout{
    "cifar10", {"calibration", "evaluation", "classes"}, [](const DataConfig& config, Split split) {
        return open_cifar(config, split, cifar10_format());
    }};

const DataLayout cifar100_layout{"cifar100",
                                 {"calibration", "evaluation", "classes"},
                                 [](const DataConfig& config, Split split) {
                                     return open_cifar(config, split, cifar100_format());
                                 }};

}  // namespace comq
