#pragma once

#include <memory>
#include <vector>

#include "data/image_source.hpp"

namespace comq {

/** Some images of a source, under numbers of their own; classes see to their labels. */
class ImageView : public ImageSource {
  public:
    int64_t size() const final { return static_cast<int64_t>(chosen_.size()); }
    int64_t classes() const override { return images_->classes(); }
    ImageInfo info(int64_t index) const override { return images_->info(inner(index)); }
    RgbImage load(int64_t index) const final { return images_->load(inner(index)); }
    uint64_t content(int64_t index) const final { return images_->content(inner(index)); }
    std::optional<FileVersion> version(int64_t index) const final {
        return images_->version(inner(index));
    }
    std::filesystem::path place() const final { return images_->place(); }
    std::vector<int64_t> labels(int64_t index) const override {
        return images_->labels(inner(index));
    }
    std::vector<int64_t> valid_classes() const override { return images_->valid_classes(); }

  protected:
    explicit ImageView(std::unique_ptr<ImageSource> images) : images_(std::move(images)) {}

    const ImageSource& images() const { return *images_; }
    /** Adds an image of the source behind those that there are. */
    void choose(int64_t inner) { chosen_.push_back(inner); }
    int64_t inner(int64_t index) const { return chosen_[static_cast<std::size_t>(index)]; }

  private:
    std::unique_ptr<ImageSource> images_;
    std::vector<int64_t> chosen_;
};

}  // namespace comq
