#include "image/decode.hpp"

#include "core/errors.hpp"
#include "image/images.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

TEST_CASE("decoded pixels equal Pillow's convert(RGB) for every kind of file") {
    const auto table = read_table(images() / "pixels.txt");
    REQUIRE(table.size() >= 20);
    for (const auto& row : table) {
        CAPTURE(row[0]);
        const RgbImage image = read_image(images() / row[0]);
        CHECK(image.height == std::stoi(row[1]));
        CHECK(image.width == std::stoi(row[2]));
        CHECK(digest(image) == row[3]);
    }
}

TEST_CASE("a JPEG cut anywhere is refused, as Pillow refuses it") {
    for (const char* name : {"baseline.jpg", "progressive.jpg", "cmyk.jpg"}) {
        const auto bytes = read_bytes(images() / name);
        for (std::size_t length = 0; length < bytes.size(); ++length) {
            CAPTURE(name, length);
            CHECK_THROWS_AS(decode_image(std::span(bytes).first(length), name), InputError);
        }
    }
}

TEST_CASE("a PNG cut short is refused") {
    const auto bytes = read_bytes(images() / "rgb.png");
    for (const std::size_t length : {std::size_t{20}, bytes.size() / 2, bytes.size() - 30}) {
        CAPTURE(length);
        CHECK_THROWS_AS(decode_image(std::span(bytes).first(length), "x.png"), InputError);
    }
}

TEST_CASE("the error names the file and what is wrong with it") {
    CHECK_THROWS_WITH(decode_image({}, "a/empty.JPEG"),
                      ContainsSubstring("a/empty.JPEG") && ContainsSubstring("empty"));
    const std::string text = "<html>404</html> and some more text to be sniffed";
    CHECK_THROWS_WITH(decode_image(std::as_bytes(std::span(text)), "a/page.JPEG"),
                      ContainsSubstring("a/page.JPEG") && ContainsSubstring("no image"));
    const auto bytes = read_bytes(images() / "baseline.jpg");
    CHECK_THROWS_WITH(decode_image(std::span(bytes).first(bytes.size() / 2), "a/half.JPEG"),
                      ContainsSubstring("a/half.JPEG") && ContainsSubstring("truncated"));
    CHECK_THROWS_WITH(decode_image(std::span(bytes).first(100), "a/head.JPEG"),
                      ContainsSubstring("a/head.JPEG") && ContainsSubstring("header"));
}
