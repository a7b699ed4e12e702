#include "data/selection.hpp"

#include <algorithm>
#include <set>

#include "core/errors.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("selection takes the first images or a seeded draw of distinct ones, ascending") {
    CHECK(select_images(5, 3, Selection::first, 0, "s", "k") == std::vector<int64_t>{0, 1, 2});
    const auto drawn = select_images(100, 10, Selection::random, 1, "s", "k");
    CHECK(std::set(drawn.begin(), drawn.end()).size() == 10);
    CHECK(std::is_sorted(drawn.begin(), drawn.end()));
    CHECK(drawn == select_images(100, 10, Selection::random, 1, "s", "k"));
    CHECK(drawn != select_images(100, 10, Selection::random, 2, "s", "k"));
    CHECK(drawn != select_images(100, 10, Selection::random, 1, "t", "k"));
}

TEST_CASE("more images than there are is a usage error that names the key") {
    CHECK_THROWS_AS(select_images(5, 6, Selection::first, 0, "s", "calibration.images"),
                    UsageError);
    CHECK_THROWS_WITH(select_images(5, 6, Selection::first, 0, "s", "calibration.images"),
                      ContainsSubstring("calibration.images") && ContainsSubstring("6") &&
                          ContainsSubstring("5"));
    CHECK_THROWS_WITH(select_calibration_images(5, {.fitted = 4, .held_out = 2}, 0),
                      ContainsSubstring("calibration.holdout"));
    CHECK_THROWS_WITH(select_evaluation_images(5, 6), ContainsSubstring("evaluation.images"));
}

TEST_CASE("held-out images are disjoint from the fitted ones and don't change them") {
    for (const auto selection : {Selection::first, Selection::random}) {
        const auto alone = select_calibration_images(60, {40, 0, selection}, 7);
        const auto both = select_calibration_images(60, {40, 20, selection}, 7);
        CHECK(alone.held_out.empty());
        CHECK(both.fitted == alone.fitted);
        std::set<int64_t> all(both.fitted.begin(), both.fitted.end());
        all.insert(both.held_out.begin(), both.held_out.end());
        CHECK(all.size() == 60);
    }
}

TEST_CASE("evaluation takes every image unless told otherwise") {
    CHECK(select_evaluation_images(3, std::nullopt) == std::vector<int64_t>{0, 1, 2});
    CHECK(select_evaluation_images(3, 2).size() == 2);
}

TEST_CASE("evaluation images are drawn apart from the run's seed, as seed 0 drew them") {
    CHECK(select_evaluation_images(1000, 20) ==
          select_images(1000, 20, Selection::random, 0, "evaluation", "k"));
}

TEST_CASE("ranks share the batches that one rank alone would read") {
    const std::vector<int64_t> images{10, 11, 12, 13, 14, 15, 16};
    CHECK(every_nth_batch(images, 2, 0, 1) == images);
    CHECK(every_nth_batch(images, 2, 0, 3) == std::vector<int64_t>{10, 11, 16});
    CHECK(every_nth_batch(images, 2, 1, 3) == std::vector<int64_t>{12, 13});
    CHECK(every_nth_batch(images, 2, 2, 3) == std::vector<int64_t>{14, 15});
    CHECK(every_nth_batch(images, 8, 1, 2).empty());
}

TEST_CASE("other images are drawn from those that are not taken") {
    const std::vector<int64_t> taken{0, 2, 3};
    CHECK(select_other_images(7, taken, 2, Selection::first, 0, "s", "k") ==
          std::vector<int64_t>{1, 4});
    CHECK(select_other_images(7, taken, 4, Selection::random, 3, "s", "k") ==
          std::vector<int64_t>{1, 4, 5, 6});
    CHECK(select_other_images(50, {}, 9, Selection::random, 3, "s", "k") ==
          select_images(50, 9, Selection::random, 3, "s", "k"));
    CHECK_THROWS_WITH(select_other_images(7, taken, 5, Selection::random, 0, "s", "repair.images"),
                      ContainsSubstring("repair.images: 5 images are asked for, but there are 4"));
}
