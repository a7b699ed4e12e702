#include "data/demo_source.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "core/random.hpp"
#include "data/demo_image.hpp"
#include "data/demo_shape.hpp"
#include "data/layouts.hpp"

namespace comq {

namespace {

/** Part of the set's definition: another seed is another set. */
constexpr uint64_t demo_seed = 1;

class DemoSource : public ImageSource {
  public:
    DemoSource(std::string split, int64_t size)
        : split_(std::move(split)), stream_(demo_seed, "demo/" + split_), size_(size) {}

    int64_t size() const override { return size_; }
    int64_t classes() const override { return static_cast<int64_t>(demo_class_names.size()); }

    ImageInfo info(int64_t index) const override {
        constexpr uint64_t bytes = uint64_t{3} * demo_image_size * demo_image_size;
        return {fmt::format("{}:{}", split_, index), label(index), bytes};
    }

    RgbImage load(int64_t index) const override {
        return draw_demo_image(stream_.child(std::to_string(index)), label(index));
    }

  private:
    int64_t label(int64_t index) const { return index % classes(); }

    std::string split_;
    RandomStream stream_;
    int64_t size_;
};

}  // namespace

std::unique_ptr<ImageSource> make_demo_source(Split split) {
    if (split == Split::calibration) return std::make_unique<DemoSource>("calibration", 1024);
    return std::make_unique<DemoSource>("evaluation", 2000);
}

std::unique_ptr<ImageSource> make_demo_training_source(int64_t count) {
    return std::make_unique<DemoSource>("training", count);
}

const DataLayout demo_layout{"demo", {"classes"}, [](const DataConfig& /*config*/, Split split) {
                                 return make_demo_source(split);
                             }};

}  // namespace comq
