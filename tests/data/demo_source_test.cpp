#include "data/demo_source.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/hash.hpp"
#include "data/demo_shape.hpp"
#include "data/layouts.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

std::string digest_of_first(const ImageSource& source, int64_t count) {
    Sha256 hash;
    for (int64_t i = 0; i < count; ++i) {
        const RgbImage image = source.load(i);
        hash.update(std::as_bytes(std::span(image.pixels)));
    }
    return hash.hex_digest();
}

}  // namespace

TEST_CASE("images of the demo set are the same bits on every machine") {
    // Values of the set as it was published with its trained networks: a change of the generator
    // makes their weights worthless, so it has to come with new ones.
    CHECK(digest_of_first(*make_demo_source(Split::calibration), 200) ==
          "ae4995e7fb8cb9d323c901080c1a43c08333dfdf3a5457bdf1e7a051d9350fc0");
    CHECK(digest_of_first(*make_demo_source(Split::evaluation), 200) ==
          "b4cf82f8eef0552586c0d835a8cf97f634664c97e09ebe607615f8db669c6d9e");
    CHECK(digest_of_first(*make_demo_training_source(200), 200) ==
          "d2d7ae9135cc1e2b5f2eade118e2bb90a5bae59f51e1d97885e4a8e4ce2fec8f");
}

TEST_CASE("an image of the demo set depends on split and index only") {
    const auto source = make_demo_source(Split::evaluation);
    const RgbImage image = source->load(1234);
    CHECK(image.height == 32);
    CHECK(image.width == 32);
    CHECK(image.pixels.size() == 32 * 32 * 3);
    source->load(7);
    CHECK(source->load(1234).pixels == image.pixels);
    CHECK(make_demo_source(Split::evaluation)->load(1234).pixels == image.pixels);
    CHECK(make_demo_training_source(50)->load(42).pixels ==
          make_demo_training_source(100)->load(42).pixels);
}

TEST_CASE("splits of the demo set have their sizes, equal classes and no image in common") {
    const auto calibration = make_demo_source(Split::calibration);
    const auto evaluation = make_demo_source(Split::evaluation);
    const auto training = make_demo_training_source(2000);
    CHECK(calibration->size() == 1024);
    CHECK(evaluation->size() == 2000);
    CHECK(training->size() == 2000);

    std::set<uint64_t> contents;
    std::set<std::string> ids;
    std::vector<int64_t> evaluation_labels(10, 0);
    for (const auto* source : {calibration.get(), evaluation.get(), training.get()}) {
        CHECK(source->classes() == 10);
        for (int64_t i = 0; i < source->size(); ++i) {
            const ImageInfo info = source->info(i);
            contents.insert(source->content(i));
            ids.insert(info.id);
            REQUIRE(info.label >= 0);
            REQUIRE(info.label < 10);
            if (source == evaluation.get()) {
                ++evaluation_labels[static_cast<std::size_t>(info.label)];
            }
        }
    }
    CHECK(contents.size() == 1024 + 2000 + 2000);
    CHECK(ids.size() == contents.size());
    CHECK(evaluation_labels == std::vector<int64_t>(10, 200));
}

TEST_CASE("only the layout demo needs no paths, and an unknown one's error names the nearest") {
    DataConfig config;
    for (const std::string& name : data_layout_names()) {
        INFO(name);
        config.layout = name;
        CHECK(config.embedded() == (name == "demo"));
        if (!config.embedded()) {
            CHECK_THROWS_WITH(open_image_source(config, Split::evaluation),
                              ContainsSubstring("data.root"));
        }
    }
    config.layout = "imagefolders";
    CHECK_THROWS_WITH(open_image_source(config, Split::evaluation),
                      ContainsSubstring("data.layout") && ContainsSubstring("'imagefolder'"));
}

TEST_CASE("data.layout demo opens the demo set") {
    DataConfig config;
    config.layout = "demo";
    const auto source = open_image_source(config, Split::calibration);
    CHECK(source->load(3).pixels == make_demo_source(Split::calibration)->load(3).pixels);
}

TEST_CASE("shapes of the demo set reach to radius 1 and their distance is a distance") {
    for (int64_t label = 0; label < 10; ++label) {
        CAPTURE(demo_class_names[static_cast<std::size_t>(label)]);
        double inside = 0.0, furthest = 0.0;
        constexpr int steps = 200;
        constexpr float step = 2.4F / steps;
        for (int row = 0; row < steps; ++row) {
            for (int column = 0; column < steps; ++column) {
                const Point p{-1.2F + step * static_cast<float>(column),
                              -1.2F + step * static_cast<float>(row)};
                const float d = signed_distance(label, p);
                // A distance changes no faster than the point moves; float rounding aside.
                const float right = signed_distance(label, {p.x + step, p.y});
                const float below = signed_distance(label, {p.x, p.y + step});
                REQUIRE(std::abs(right - d) <= step + 1e-5F);
                REQUIRE(std::abs(below - d) <= step + 1e-5F);
                if (d >= 0.0F) continue;
                inside += static_cast<double>(step) * step;
                furthest = std::max(furthest, std::hypot(static_cast<double>(p.x), p.y));
            }
        }
        CHECK(furthest > 0.9);
        CHECK(furthest < 1.2);
        // From the crescent to the disk of area π·0.92².
        CHECK(inside > 0.8);
        CHECK(inside < 2.7);
    }
}

TEST_CASE("the distance of the square is its closed form") {
    // Corners at (±0.78, ±0.78).
    CHECK(signed_distance(4, {0.0F, 0.0F}) == Approx(-0.78));
    CHECK(signed_distance(4, {1.0F, 0.3F}) == Approx(0.22));
    CHECK(signed_distance(4, {0.3F, -0.7F}) == Approx(-0.08));
    CHECK(signed_distance(4, {1.08F, 1.18F}) == Approx(0.5));
}
