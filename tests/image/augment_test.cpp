#include "image/augment.hpp"

#include <cmath>
#include <set>

#include "image/images.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

TEST_CASE("an augmented image is a function of seed and image id") {
    const RgbImage image = read_image(images() / "rgb.png");
    const Preprocessing preprocessing{.resize = 40, .crop = 24};
    const RgbImage first = augment(image, preprocessing, 3, "a.JPEG");
    CHECK(first.height == 24);
    CHECK(first.width == 24);
    CHECK(digest(augment(image, preprocessing, 3, "a.JPEG")) == digest(first));
    CHECK(digest(augment(image, preprocessing, 3, "b.JPEG")) != digest(first));
    CHECK(digest(augment(image, preprocessing, 4, "a.JPEG")) != digest(first));
}

TEST_CASE("drawn boxes stay inside and have the areas, ratios and flips of the recipe") {
    const ImageSize size{300, 400};
    constexpr int draws = 20'000;
    double area = 0.0;
    int flips = 0;
    for (int i = 0; i < draws; ++i) {
        const RandomStream stream = RandomStream(1, "augment").child(std::to_string(i));
        const auto [box, flip] = draw_augmentation(size, stream);
        REQUIRE((box.top >= 0 && box.left >= 0));
        REQUIRE((box.top + box.height <= size.height && box.left + box.width <= size.width));
        const double share = static_cast<double>(box.height) * box.width / (300.0 * 400.0);
        const double ratio = static_cast<double>(box.width) / box.height;
        // Rounding to whole pixels moves the bounds by about 1 in 90, the shortest side.
        REQUIRE((share > 0.078 && share <= 1.0));
        REQUIRE((ratio > 0.74 && ratio < 1.35));
        area += share / draws;
        flips += flip ? 1 : 0;
    }
    // 0.4328 ± 0.2166 by a simulation of torchvision's rule with NumPy (large areas are refused
    // more often, so it is not the middle, 0.54); five standard errors.
    CHECK(area == Approx(0.4328).margin(5 * 0.2166 / std::sqrt(draws)));
    CHECK(flips == Approx(draws / 2).margin(5 * std::sqrt(draws) / 2));
}

TEST_CASE("a strip too long for any drawn box gives its largest central box") {
    const auto [wide, flip] = draw_augmentation({10, 1000}, RandomStream(0, "strip"));
    CHECK(wide.height == 10);
    CHECK(wide.width == 13);
    CHECK(wide.left == 493);
    const auto tall = draw_augmentation({1000, 9}, RandomStream(0, "strip")).box;
    CHECK(tall.width == 9);
    CHECK(tall.height == 12);
    CHECK(tall.top == 494);
}

TEST_CASE("a flipped image is the mirrored one") {
    const RgbImage image = read_image(images() / "rgb.png");
    const Preprocessing preprocessing{.resize = 40, .crop = 24};
    int mirrored = 0;
    for (int i = 0; i < 20; ++i) {
        const std::string id = std::to_string(i);
        const auto [box, flip] =
            draw_augmentation({image.height, image.width}, RandomStream(0, "augment").child(id));
        const RgbImage plain = resize(crop(image, box), 24, 24, preprocessing.interpolation);
        const RgbImage result = augment(image, preprocessing, 0, id);
        for (int y = 0; y < 24; ++y) {
            for (int x = 0; x < 24; ++x) {
                const uint8_t* expected = plain.row(y) + 3 * (flip ? 23 - x : x);
                REQUIRE(std::equal(expected, expected + 3, result.row(y) + 3 * x));
            }
        }
        mirrored += flip ? 1 : 0;
    }
    CHECK(mirrored > 0);
    CHECK(mirrored < 20);
}

TEST_CASE("near views are boxes of nearly the size that evaluation takes, anywhere") {
    Preprocessing preprocessing{.resize = 248, .crop = 224};
    std::set<int> places;
    int mirrored = 0;
    constexpr int draws = 400;
    for (int draw = 0; draw < draws; ++draw) {
        const RandomStream stream(static_cast<uint64_t>(draw), "near");
        preprocessing.resize_mode = ResizeMode::shortest;
        const auto [box, flip] = draw_near_view({375, 500}, preprocessing, stream);
        CHECK(box.height == box.width);
        CHECK(box.height >= 0.9 * 375 * 224 / 248 - 1);
        CHECK(box.height <= 375);
        CHECK(box.top >= 0);
        CHECK(box.top + box.height <= 375);
        CHECK(box.left >= 0);
        CHECK(box.left + box.width <= 500);
        places.insert(box.left);
        mirrored += flip ? 1 : 0;
        preprocessing.resize_mode = ResizeMode::squash;
        const auto squashed = draw_near_view({375, 500}, preprocessing, stream).box;
        CHECK(squashed.width == Approx(squashed.height * 4.0 / 3.0).margin(1.0));
    }
    CHECK(places.size() > 80);
    // Four standard deviations of a fair coin.
    CHECK(std::abs(mirrored - draws / 2) < 40);
    const auto small = draw_near_view({32, 32}, {.resize = 0, .crop = 32}, RandomStream(1, "near"));
    CHECK(small.box.height >= 29);
    CHECK(small.box.height <= 32);
}
