#include "image/preprocessing.hpp"

#include <vector>

#include "image/images.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

TEST_CASE("normalize divides, subtracts and divides in float, channel by channel") {
    RgbImage image{1, 256, {}};
    for (int byte = 0; byte < 256; ++byte) {
        image.pixels.insert(image.pixels.end(),
                            {static_cast<uint8_t>(byte), static_cast<uint8_t>(255 - byte), 7});
    }
    const Preprocessing preprocessing;
    std::vector<float> output(3 * 256);
    normalize(image, preprocessing, output.data());
    for (std::size_t x = 0; x < 256; ++x) {
        // One rounding after each of the three operations, as a tensor expression has it.
        const auto expected = [&](std::size_t byte, std::size_t channel) {
            const float unit = static_cast<float>(byte) / 255.0F;
            const float centred = unit - preprocessing.mean[channel];
            return centred / preprocessing.std[channel];
        };
        REQUIRE(output[x] == expected(x, 0));
        REQUIRE(output[256 + x] == expected(255 - x, 1));
        REQUIRE(output[512 + x] == expected(7, 2));
    }
    // torch.tensor([b]).div(255).sub(mean).div(std) for b = 1, 128 and 255 of the first channel.
    CHECK(output[1] == -2.1007792949676514F);
    CHECK(output[128] == 0.07406462728977203F);
    CHECK(output[255] == 2.248908281326294F);
}

TEST_CASE("resize 0 keeps the pixels and only crops") {
    const RgbImage image = read_image(images() / "rgb.png");
    const Preprocessing cifar{.resize = 0, .crop = 32};
    const RgbImage result = resize_and_crop(image, cifar);
    REQUIRE(result.height == 32);
    REQUIRE(result.width == 32);
    // 37 × 45 → offsets 2.5 → 2 and 6.5 → 6.
    CHECK(std::equal(result.row(0), result.row(0) + 96, image.row(2) + 3 * 6));
    CHECK(std::equal(result.row(31), result.row(31) + 96, image.row(33) + 3 * 6));
}

TEST_CASE("the description tells any two recipes apart") {
    const Preprocessing base;
    CHECK(base.describe() ==
          "resize 256 bilinear, crop 224, mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225]");
    for (const Preprocessing& other : {Preprocessing{.resize = 255}, Preprocessing{.crop = 223},
                                       Preprocessing{.interpolation = Interpolation::bicubic},
                                       Preprocessing{.mean = {0.5F, 0.456F, 0.406F}},
                                       Preprocessing{.std = {0.229F, 0.224F, 0.2251F}}}) {
        CHECK(other.describe() != base.describe());
    }
}
