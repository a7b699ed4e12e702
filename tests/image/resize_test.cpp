#include "image/resize.hpp"

#include "image/images.hpp"
#include "storage/safetensors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

Interpolation interpolation_of(const std::string& name) {
    return name == "bilinear" ? Interpolation::bilinear : Interpolation::bicubic;
}

void compare_with_golden(const std::filesystem::path& originals,
                         const std::filesystem::path& golden_file,
                         const Preprocessing& preprocessing) {
    const auto expected = read_safetensors(golden_file).tensors;
    REQUIRE(expected.size() == 24);
    for (const auto& [name, tensor] : expected) {
        CAPTURE(name);
        const RgbImage image = resize_and_crop(read_image(originals / name), preprocessing);
        const auto pixels = tensor.as<uint8_t>();
        REQUIRE(image.pixels.size() == pixels.size());
        CHECK(std::equal(pixels.begin(), pixels.end(), image.pixels.begin()));
    }
}

}  // namespace

TEST_CASE("resize and crop equal the golden Pillow pixels of real photos") {
    COMQ_NEED_ASSETS(assets);
    COMQ_NEED_GOLDEN(golden);
    const auto originals = assets / "imagenet" / "originals";
    SECTION("bicubic 248, crop 224") {
        compare_with_golden(originals, golden / "preprocess" / "bicubic248_crop224.safetensors",
                            {.resize = 248, .crop = 224, .interpolation = Interpolation::bicubic});
    }
    SECTION("bilinear 256, crop 224") {
        compare_with_golden(originals, golden / "preprocess" / "bilinear256_crop224.safetensors",
                            {.resize = 256, .crop = 224, .interpolation = Interpolation::bilinear});
    }
}

TEST_CASE("resize equals Pillow's up and down, to odd and to unchanged sizes") {
    const auto table = read_table(images() / "resize.txt");
    REQUIRE(table.size() >= 50);
    for (const auto& row : table) {
        CAPTURE(row);
        const RgbImage image = read_image(images() / row[0]);
        const RgbImage resized =
            resize(image, std::stoi(row[2]), std::stoi(row[3]), interpolation_of(row[1]));
        CHECK(digest(resized) == row[4]);
    }
}

TEST_CASE("resize, crop and padding equal torchvision's on Pillow images") {
    const auto table = read_table(images() / "crop.txt");
    REQUIRE(table.size() >= 40);
    for (const auto& row : table) {
        CAPTURE(row);
        const Preprocessing preprocessing{.resize = std::stoi(row[2]),
                                          .crop = std::stoi(row[3]),
                                          .interpolation = interpolation_of(row[1])};
        CHECK(digest(resize_and_crop(read_image(images() / row[0]), preprocessing)) == row[4]);
    }
}

TEST_CASE("a window holds the pixels of the whole resized image") {
    const RgbImage image = read_image(images() / "tall.png");
    for (const auto interpolation : {Interpolation::bilinear, Interpolation::bicubic}) {
        const ImageSize size{61, 40};
        const Box window{7, 33, 50, 5};
        CHECK(digest(resize_window(image, size, window, interpolation)) ==
              digest(crop(resize(image, size, interpolation), window)));
    }
}

TEST_CASE("the longer side is truncated and the crop's offset rounds half to even") {
    CHECK(shorter_side_size({375, 500}, 256) == ImageSize{256, 341});
    CHECK(shorter_side_size({500, 375}, 256) == ImageSize{341, 256});
    CHECK(shorter_side_size({300, 300}, 248) == ImageSize{248, 248});
    CHECK(center_box({227, 229}, {224, 224}).top == 2);   // 1.5 → 2
    CHECK(center_box({227, 229}, {224, 224}).left == 2);  // 2.5 → 2
    CHECK(center_box({221, 224}, {224, 224}).top == -1);
}
