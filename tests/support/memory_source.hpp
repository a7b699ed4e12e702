#pragma once

#include <fmt/format.h>

#include <vector>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "data/image_source.hpp"

namespace comq::test {

/** `count` random images of `side` × `side` in `classes` classes; those in `broken` fail. */
class MemorySource : public ImageSource {
  public:
    MemorySource(int64_t count, int side, int64_t classes = 10, std::vector<int64_t> broken = {})
        : count_(count), side_(side), classes_(classes), broken_(std::move(broken)) {}

    int64_t size() const override { return count_; }
    int64_t classes() const override { return classes_; }
    ImageInfo info(int64_t index) const override {
        return {fmt::format("image-{}", index), classes_ > 0 ? index % classes_ : -1, 1};
    }
    RgbImage load(int64_t index) const override {
        for (const auto bad : broken_) {
            if (bad == index) throw InputError("image-{}: broken on purpose", index);
        }
        const auto stream = RandomStream(0, "picture").child(std::to_string(index));
        RgbImage image{side_, side_, {}};
        image.pixels.resize(static_cast<std::size_t>(side_ * side_ * 3));
        for (std::size_t i = 0; i < image.pixels.size(); ++i) {
            image.pixels[i] = static_cast<uint8_t>(stream.below(i, 256));
        }
        return image;
    }

  private:
    int64_t count_;
    int side_;
    int64_t classes_;
    std::vector<int64_t> broken_;
};

}  // namespace comq::test
