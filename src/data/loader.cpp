#include "data/loader.hpp"

#include <fmt/format.h>
#include <tbb/parallel_pipeline.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"
#include "core/threads.hpp"
#include "image/augment.hpp"

namespace comq {

namespace {

/** All that the batches of one call share. */
struct Loader {
    const ImageSet& images;
    BadImages& bad_images;
    const LoaderOptions& options;

    ImageBatch load(int64_t number) const {
        const Preprocessing& preprocessing = images.preprocessing;
        const auto begin =
            static_cast<std::size_t>(number % images.batches_of_view() * images.batch_size);
        const auto end =
            std::min(images.indices.size(), begin + static_cast<std::size_t>(images.batch_size));
        const int64_t view = number / images.batches_of_view();
        ImageBatch batch;
        batch.batch = number;
        batch.height = batch.width = preprocessing.crop;
        const std::size_t image_values =
            3 * static_cast<std::size_t>(batch.height) * static_cast<std::size_t>(batch.width);
        batch.pixels.resize((end - begin) * image_values);
        for (std::size_t i = begin; i < end; ++i) {
            const int64_t index = images.indices[i];
            const ImageInfo info = images.source->info(index);
            float* pixels = batch.pixels.data() + batch.indices.size() * image_values;
            if (!load_image(index, info.id, view, pixels)) continue;
            batch.indices.push_back(index);
            batch.labels.push_back(info.label);
        }
        batch.pixels.resize(batch.indices.size() * image_values);
        return batch;
    }

    RgbImage prepared(const RgbImage& image, const std::string& id, int64_t view) const {
        const Preprocessing& preprocessing = images.preprocessing;
        const auto augmentation = options.augmentation_seed;
        if (view == 0) {
            return augmentation ? augment(image, preprocessing, *augmentation, id)
                                : resize_and_crop(image, preprocessing);
        }
        const uint64_t seed =
            RandomStream(images.view_seed, "views").bits(static_cast<uint64_t>(view)) >> 1;
        return augmentation ? augment(image, preprocessing, seed, id)
                            : near_view(image, preprocessing, seed, id);
    }

    bool load_image(int64_t index, const std::string& id, int64_t view, float* pixels) const {
        RgbImage image;
        try {
            image = images.source->load(index);
        } catch (const InputError& error) {
            bad_images.add(id, error.what());
            return false;
        }
        normalize(prepared(image, id, view), images.preprocessing, pixels);
        return true;
    }
};

}  // namespace

void BadImages::add(const std::string& id, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    reasons_.emplace(id, reason);
    const auto count = static_cast<int64_t>(reasons_.size());
    if (count <= allowed_) return;
    if (allowed_ == 0) throw InputError("{} (data.max_bad_images would tolerate some)", reason);
    throw InputError("{} images can't be read, data.max_bad_images allows {}; the last: {}", count,
                     allowed_, reason);
}

int64_t BadImages::count() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int64_t>(reasons_.size());
}

std::vector<std::string> BadImages::reasons() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> lines;
    for (const auto& [id, reason] : reasons_) lines.push_back(reason);
    return lines;
}

bool for_each_batch(const ImageSet& images, BadImages& bad_images,
                    const std::function<void(ImageBatch&&)>& consume,
                    const LoaderOptions& options) {
    COMQ_CHECK(images.batch_size > 0);
    const Loader loader{images, bad_images, options};
    const int64_t batches = images.batches();
    int64_t next = 0;
    // Filters hand on numbers, since TBB loses what they hand on when an exception ends the loop.
    std::vector<std::optional<ImageBatch>> loaded(static_cast<std::size_t>(batches));

    const auto number_batches = [&](tbb::flow_control& control) -> int64_t {
        const bool stopped = options.stop != nullptr && options.stop->load();
        if (next == batches || stopped) {
            control.stop();
            return 0;
        }
        return next++;
    };
    const auto load_batch = [&](int64_t number) {
        loaded[static_cast<std::size_t>(number)] = loader.load(number);
        return number;
    };
    const auto consume_batch = [&](int64_t number) {
        ImageBatch batch = *std::exchange(loaded[static_cast<std::size_t>(number)], std::nullopt);
        if (!batch.indices.empty()) consume(std::move(batch));
    };
    const auto consume_mode = options.consume == Consume::parallel
                                  ? tbb::filter_mode::parallel
                                  : tbb::filter_mode::serial_in_order;
    tbb::parallel_pipeline(
        static_cast<std::size_t>(thread_count()) + 1,
        tbb::make_filter<void, int64_t>(tbb::filter_mode::serial_in_order, number_batches) &
            tbb::make_filter<int64_t, int64_t>(tbb::filter_mode::parallel, load_batch) &
            tbb::make_filter<int64_t, void>(consume_mode, consume_batch));
    return next == batches;
}

}  // namespace comq
