#include "data/loader.hpp"

#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "core/errors.hpp"
#include "core/threads.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** Grey images of the brightness of their index; some can't be read. */
class GreySource : public ImageSource {
  public:
    explicit GreySource(int64_t size, std::vector<int64_t> broken = {})
        : size_(size), broken_(std::move(broken)) {}
    int64_t size() const override { return size_; }
    int64_t classes() const override { return 256; }
    ImageInfo info(int64_t index) const override { return {std::to_string(index), index % 256, 1}; }
    RgbImage load(int64_t index) const override {
        ++loads;
        if (std::find(broken_.begin(), broken_.end(), index) != broken_.end()) {
            throw InputError("image {} is broken", index);
        }
        // A gradient, so that the training transform's boxes show.
        RgbImage image{20, 20, std::vector<uint8_t>(1200)};
        for (std::size_t i = 0; i < 1200; ++i) {
            image.pixels[i] = static_cast<uint8_t>(static_cast<std::size_t>(index) + i / 60);
        }
        return image;
    }
    mutable std::atomic<int64_t> loads{0};

  private:
    int64_t size_;
    std::vector<int64_t> broken_;
};

const Preprocessing small{.resize = 16, .crop = 12};

std::vector<int64_t> count_to(int64_t size) {
    std::vector<int64_t> indices(static_cast<std::size_t>(size));
    std::iota(indices.begin(), indices.end(), int64_t{0});
    return indices;
}

std::map<int64_t, ImageBatch> collect(const ImageSource& source,
                                      const std::vector<int64_t>& indices, int64_t batch_size,
                                      const LoaderOptions& options, int64_t allowed = 0) {
    std::map<int64_t, ImageBatch> batches;
    std::mutex mutex;
    BadImages bad(allowed);
    for_each_batch(
        {&source, indices, small, batch_size}, bad,
        [&](ImageBatch&& batch) {
            const std::lock_guard lock(mutex);
            batches.emplace(batch.batch, std::move(batch));
        },
        options);
    return batches;
}

}  // namespace

TEST_CASE("batches are consecutive runs of the indices with labels and normalised pixels") {
    const GreySource source(300);
    const std::vector<int64_t> indices{7, 3, 299, 5, 11};
    const auto batches = collect(source, indices, 2, Consume::serial);
    REQUIRE(batches.size() == 3);
    CHECK(batches.at(0).indices == std::vector<int64_t>{7, 3});
    CHECK(batches.at(1).indices == std::vector<int64_t>{299, 5});
    CHECK(batches.at(1).labels == std::vector<int64_t>{43, 5});
    CHECK(batches.at(2).indices == std::vector<int64_t>{11});
    const ImageBatch& first = batches.at(0);
    CHECK((first.height == 12 && first.width == 12));
    REQUIRE(first.pixels.size() == 2 * 3 * 12 * 12);
    std::vector<float> expected(3 * 12 * 12);
    normalize(resize_and_crop(source.load(3), small), small, expected.data());
    CHECK(std::equal(expected.begin(), expected.end(), first.pixels.begin() + 3 * 12 * 12));
}

TEST_CASE("further views are crops of the same images, drawn anew, in batches of their own") {
    const GreySource source(9);
    const auto plain = collect(source, count_to(9), 4, Consume::serial);
    std::map<int64_t, ImageBatch> batches;
    BadImages bad(0);
    const ImageSet three_views{&source, count_to(9), small, 4, 3, 7};
    CHECK(three_views.count() == 27);
    CHECK(three_views.batches() == 9);
    for_each_batch(three_views, bad,
                   [&](ImageBatch&& batch) { batches.emplace(batch.batch, std::move(batch)); });
    REQUIRE(batches.size() == 9);
    for (int64_t number = 0; number < 3; ++number) {
        CHECK(batches.at(number).pixels == plain.at(number).pixels);
        for (const int64_t view : {1, 2}) {
            CHECK(batches.at(3 * view + number).indices == plain.at(number).indices);
            CHECK(batches.at(3 * view + number).pixels != plain.at(number).pixels);
        }
        CHECK(batches.at(3 + number).pixels != batches.at(6 + number).pixels);
    }
}

TEST_CASE("serial and parallel consumption give the same batches on any number of threads") {
    const GreySource source(100, {13, 14, 50});
    for (const bool augmented : {false, true}) {
        LoaderOptions options;
        if (augmented) options.augmentation_seed = 5;
        set_threads(1);
        const auto expected = collect(source, count_to(100), 7, options, 3);
        REQUIRE(expected.size() == 15);
        for (const int threads : {2, 4}) {
            set_threads(threads);
            for (const auto mode : {Consume::serial, Consume::parallel}) {
                options.consume = mode;
                const auto batches = collect(source, count_to(100), 7, options, 3);
                REQUIRE(batches.size() == expected.size());
                for (const auto& [number, batch] : batches) {
                    CHECK(batch.indices == expected.at(number).indices);
                    CHECK(batch.pixels == expected.at(number).pixels);
                }
            }
        }
        set_threads(available_cores());
    }
}

TEST_CASE("serial consumption is in order and one at a time") {
    const GreySource source(64);
    BadImages bad(0);
    int64_t expected = 0;
    std::atomic<int> inside{0};
    const bool complete = for_each_batch(
        {&source, count_to(64), small, 3}, bad,
        [&](ImageBatch&& batch) {
            CHECK(++inside == 1);
            CHECK(batch.batch == expected++);
            --inside;
        },
        Consume::serial);
    CHECK(complete);
    CHECK(expected == 22);
}

TEST_CASE("parallel consumption overlaps and never holds more batches than promised") {
    set_threads(3);
    const GreySource source(200);
    BadImages bad(0);
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::atomic<int64_t> consumed{0};
    std::atomic<int64_t> most_ahead{0};
    const auto consume = [&](ImageBatch&&) {
        most = std::max<int>(most, ++inside);
        most_ahead = std::max<int64_t>(most_ahead, source.loads - consumed);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ++consumed;
        --inside;
    };
    // An arena of its own, because the default one is no wider than the machine.
    tbb::task_arena(3).execute([&] {
        for_each_batch({&source, count_to(200), small, 1}, bad, consume, Consume::parallel);
    });
    CHECK(consumed == 200);
    CHECK(most >= 2);
    CHECK(most_ahead <= 4);
    set_threads(available_cores());
}

TEST_CASE("unreadable images shrink their batch and are counted once") {
    const GreySource source(8, {1, 4, 5});
    BadImages bad(3);
    std::vector<std::vector<int64_t>> seen;
    for (int pass = 0; pass < 2; ++pass) {
        seen.clear();
        for_each_batch({&source, count_to(8), small, 2}, bad, [&](ImageBatch&& batch) {
            CHECK(batch.pixels.size() == batch.indices.size() * 432);
            seen.push_back(batch.indices);
        });
    }
    CHECK(seen == std::vector<std::vector<int64_t>>{{0}, {2, 3}, {6, 7}});
    CHECK(bad.count() == 3);
    CHECK(bad.reasons().front() == "image 1 is broken");
}

TEST_CASE("more unreadable images than allowed end the loop with the key to change") {
    const GreySource source(8, {1, 4});
    const auto nothing = [](ImageBatch&&) {};
    BadImages none(0);
    CHECK_THROWS_WITH(for_each_batch({&source, count_to(8), small, 2}, none, nothing),
                      ContainsSubstring("is broken") && ContainsSubstring("data.max_bad_images"));
    BadImages one(1);
    CHECK_THROWS_WITH(for_each_batch({&source, count_to(8), small, 2}, one, nothing),
                      ContainsSubstring("2 images") && ContainsSubstring("allows 1"));
    BadImages again(0);
    CHECK_THROWS_AS(for_each_batch({&source, count_to(8), small, 2}, again, nothing), InputError);
}

TEST_CASE("an exception of the consumer ends the loop and arrives unchanged") {
    const GreySource source(1000);
    BadImages bad(0);
    for (const auto mode : {Consume::serial, Consume::parallel}) {
        std::atomic<int> calls{0};
        const auto fail = [&](ImageBatch&& batch) {
            ++calls;
            if (batch.batch == 5) throw std::range_error("batch 5");
        };
        CHECK_THROWS_AS(for_each_batch({&source, count_to(1000), small, 1}, bad, fail, mode),
                        std::range_error);
        CHECK(calls < 1000);
    }
}

TEST_CASE("a stop request ends the loop after whole batches") {
    const GreySource source(1000);
    BadImages bad(0);
    std::atomic<bool> stop{false};
    std::atomic<int64_t> images{0};
    std::atomic<bool> all_whole{true};
    LoaderOptions options(Consume::parallel);
    options.stop = &stop;
    const auto consume = [&](ImageBatch&& batch) {
        if (batch.indices.size() != 4) all_whole = false;
        images += static_cast<int64_t>(batch.indices.size());
        if (batch.batch == 3) stop = true;
    };
    CHECK_FALSE(for_each_batch({&source, count_to(1000), small, 4}, bad, consume, options));
    CHECK(all_whole);
    CHECK(images == source.loads);
    CHECK(images >= 16);
    CHECK(images < 1000);

    SECTION("a request before the start reads nothing") {
        const int64_t before = source.loads;
        CHECK_FALSE(for_each_batch({&source, count_to(1000), small, 4}, bad, consume, options));
        CHECK(source.loads == before);
    }
}
