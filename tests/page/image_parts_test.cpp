#include "page/image_parts.hpp"

#include <nlohmann/json.hpp>

#include "core/errors.hpp"
#include "image/decode.hpp"
#include "image/encode_jpeg.hpp"
#include "page/class_names.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

#include <fstream>

using namespace comq;

namespace {

Evaluations five_images() {
    Evaluations of;
    of.full_precision.emplace();
    of.full_precision->images = 5;
    of.full_precision->image = {"a", "b", "c", "d", "e"};
    of.full_precision->label = {0, 1, 2, 3, -1};
    of.full_precision->prediction = {0, 1, 0, 1, 4};
    of.quantized = of.full_precision;
    of.quantized->prediction = {0, 7, 2, 2, 4};
    of.quantized->kl = {0.01, 0.5, 2.0, 0.25, 0.1};
    return of;
}

}  // namespace

TEST_CASE("flipped images are counted by what became of them, the furthest first") {
    const auto json = flipped_images(five_images(), 2, nullptr);
    CHECK(json["images"] == 5);
    CHECK(json["count"] == 3);
    CHECK(json["lost"] == 1);
    CHECK(json["gained"] == 1);
    CHECK(json["image"] == nlohmann::ordered_json::parse(R"(["c","b"])"));
    CHECK(json["quantized"] == nlohmann::ordered_json::parse("[2,7]"));
    CHECK(json["thumbnail"] == nlohmann::ordered_json::parse("[null,null]"));
}

TEST_CASE("there are no flips without both networks on the same images") {
    Evaluations of = five_images();
    of.quantized->image[1] = "another";
    CHECK(flipped_images(of, 2, nullptr).is_null());
    of.quantized.reset();
    CHECK(flipped_images(of, 2, nullptr).is_null());
    CHECK(divergence_quantiles(of).is_null());
}

TEST_CASE("quantiles end with the largest divergence") {
    const auto json = divergence_quantiles(five_images());
    CHECK(json["share"].size() == json["kl"].size());
    CHECK(json["kl"].back() == 2.0);
    CHECK(json["kl"][24] == 0.25);  // the median
}

TEST_CASE("base64 is that of RFC 4648") {
    const auto text = [](std::string_view bytes) {
        return base64_text(std::as_bytes(std::span(bytes)));
    };
    CHECK(text("") == "");
    CHECK(text("f") == "Zg==");
    CHECK(text("fo") == "Zm8=");
    CHECK(text("foo") == "Zm9v");
    CHECK(text("foobar") == "Zm9vYmFy");
}

TEST_CASE("a JPEG that is written decodes to nearly the same pixels") {
    RgbImage image{24, 40, {}};
    for (int y = 0; y < image.height; ++y) {
        for (int x = 0; x < image.width; ++x) {
            for (const int value : {5 * x, 10 * y, 100}) {
                image.pixels.push_back(static_cast<uint8_t>(value));
            }
        }
    }
    const RgbImage back = decode_image(encode_jpeg(image, 90), "written");
    REQUIRE(back.height == image.height);
    REQUIRE(back.width == image.width);
    double difference = 0;
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
        difference += std::abs(image.pixels[i] - back.pixels[i]);
    }
    CHECK(difference / static_cast<double>(image.pixels.size()) < 4);
    CHECK_THROWS_AS(encode_jpeg(RgbImage{}, 90), Failure);
}

TEST_CASE("class names stand behind ids, and are told by what lies beside the images") {
    const auto folder = test::temporary_folder();
    std::ofstream(folder / "synsets.txt") << "n01440764 tench, Tinca tinca\nn01443537\tgoldfish\n";
    CHECK(read_class_names(folder / "synsets.txt") ==
          std::vector<std::string>{"tench", "goldfish"});
    std::ofstream(folder / "batches.meta.txt") << "airplane\nfire engine\n\n";
    DataConfig data;
    CHECK(class_names_of(data).empty());
    data.layout = "cifar10";
    data.evaluation = folder / "test_batch.bin";
    CHECK(class_names_of(data) == std::vector<std::string>{"airplane", "fire engine"});
    data.synsets = "imagenet";
    CHECK(class_names_of(data).size() == 1000);
    CHECK_THROWS_AS(read_class_names(folder / "missing.txt"), UsageError);
}
