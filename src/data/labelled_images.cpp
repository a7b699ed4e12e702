#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "core/errors.hpp"
#include "data/ground_truth.hpp"
#include "data/image_view.hpp"

namespace comq {

namespace {

/** Images with other labels than their own, perhaps several each. */
class LabelledImages final : public ImageView {
  public:
    LabelledImages(std::unique_ptr<ImageSource> unlabelled, const GroundTruth& truth)
        : ImageView(std::move(unlabelled)), classes_(truth.classes()) {
        for (int64_t i = 0; i < images().size(); ++i) {
            std::vector<int64_t> labels = truth.labels_of(images().info(i).id);
            if (labels.empty()) continue;
            choose(i);
            labels_.push_back(std::move(labels));
        }
    }

    int64_t classes() const override { return classes_; }
    ImageInfo info(int64_t index) const override {
        ImageInfo info = ImageView::info(index);
        info.label = labels_[static_cast<std::size_t>(index)].front();
        return info;
    }
    std::vector<int64_t> labels(int64_t index) const override {
        return labels_[static_cast<std::size_t>(index)];
    }

  private:
    std::vector<std::vector<int64_t>> labels_;
    int64_t classes_;
};

}  // namespace

std::unique_ptr<ImageSource> with_labels(std::unique_ptr<ImageSource> images,
                                         const GroundTruth& truth) {
    const int64_t all = images->size();
    auto labelled = std::make_unique<LabelledImages>(std::move(images), truth);
    if (labelled->size() == 0) {
        throw InputError("{}: has no label for any of the {} images", truth.file().string(), all);
    }
    if (labelled->size() < all) {
        spdlog::info("{}: {} of {} images have no label and are left out", truth.file().string(),
                     all - labelled->size(), all);
    }
    return labelled;
}

const std::filesystem::path& labels_given(const DataConfig& config, Split split) {
    return split == Split::calibration ? config.calibration_labels : config.labels;
}

std::unique_ptr<ImageSource> with_labels_given(std::unique_ptr<ImageSource> images,
                                               const DataConfig& config, Split split) {
    const std::filesystem::path& file = labels_given(config, split);
    if (file.empty()) return images;
    const char* key = split == Split::calibration ? "data.calibration_labels" : "data.labels";
    return with_labels(std::move(images), GroundTruth::read(file, config.synsets, key));
}

}  // namespace comq
