#include "examples/idx_source.hpp"

#include <fmt/format.h>

#include "core/errors.hpp"
#include "data/file_reader.hpp"

namespace comq {

namespace {

constexpr uint64_t image_header = 16;  ///< magic number, count, rows, columns, 4 bytes each
constexpr uint64_t label_header = 8;

/** Images and labels of MNIST: grey bytes behind a short header. Const, so thread-safe. */
class IdxSource final : public ImageSource {
  public:
    IdxSource(const std::filesystem::path& images, const std::filesystem::path& labels)
        : images_(images), labels_(labels) {
        const int64_t records = static_cast<int64_t>(images_.size() - image_header) / pixels;
        count_ = static_cast<int64_t>(labels_.size() - label_header);
        if (count_ < 1 || records != count_) {
            throw InputError("{} holds {} images, {} has {} labels", images.string(), records,
                             labels.string(), count_);
        }
    }

    int64_t size() const override { return count_; }
    int64_t classes() const override { return 10; }

    ImageInfo info(int64_t index) const override {
        std::byte label{};
        labels_.read(label_header + static_cast<uint64_t>(index), {&label, 1});
        return {fmt::format("{}", index), std::to_integer<int64_t>(label), pixels};
    }

    RgbImage load(int64_t index) const override {
        std::vector<std::byte> grey(pixels);
        images_.read(image_header + static_cast<uint64_t>(index * pixels), grey);
        RgbImage image{side, side, {}};
        for (const std::byte value : grey) {
            image.pixels.insert(image.pixels.end(), 3, std::to_integer<uint8_t>(value));
        }
        return image;
    }

  private:
    static constexpr int side = 28;
    static constexpr int64_t pixels = side * side;

    RandomAccessFile images_;
    RandomAccessFile labels_;
    int64_t count_ = 0;
};

std::unique_ptr<ImageSource> open_idx(const DataConfig& config, Split split) {
    const std::filesystem::path folder = path_of(config, split);
    const std::string part = split == Split::calibration ? "train" : "t10k";
    return std::make_unique<IdxSource>(folder / (part + "-images-idx3-ubyte"),
                                       folder / (part + "-labels-idx1-ubyte"));
}

}  // namespace

const DataLayout idx_layout{"idx", {"calibration", "evaluation"}, open_idx};

}  // namespace comq
