#include "image/decode.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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

namespace {

/** Four bytes, the first the most significant. */
void write_number(std::vector<std::byte>& bytes, std::size_t at, uint32_t number) {
    for (std::size_t i = 0; i < 4; ++i) {
        bytes[at + i] = static_cast<std::byte>(number >> (24 - 8 * i));
    }
}

/** CRC-32, as in PNG chunks. */
uint32_t checksum(std::span<const std::byte> bytes) {
    uint32_t sum = 0xFFFFFFFF;
    for (const std::byte byte : bytes) {
        sum ^= std::to_integer<uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum % 2 == 1 ? 0xEDB88320 : 0);
    }
    return ~sum;
}

}  // namespace

TEST_CASE("a JPEG takes memory for the rows that it has") {
    auto jpeg = read_bytes(images() / "baseline.jpg");
    const std::vector<std::byte> frame{std::byte{0xFF}, std::byte{0xC0}};
    const auto found = std::ranges::search(jpeg, frame).begin();
    REQUIRE(found != jpeg.end());
    write_number(jpeg, static_cast<std::size_t>(found - jpeg.begin()) + 5, 12'000U << 16 | 12'000U);
    // Said to be progressive, its scans are wrong; by its size it could hold that many pixels.
    jpeg[static_cast<std::size_t>(found - jpeg.begin()) + 1] = std::byte{0xC2};
    jpeg.resize(jpeg.size() + 300'000);
    const auto peak_kilobytes = [] {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return usage.ru_maxrss;
    };
    const auto before = peak_kilobytes();
    CHECK_THROWS_WITH(decode_image(jpeg, "a.jpg"),
                      ContainsSubstring("a.jpg: truncated or corrupt"));
    CHECK(peak_kilobytes() - before < 100'000);
}

TEST_CASE("a size that the file can't hold is refused before room is made for it") {
    auto jpeg = read_bytes(images() / "baseline.jpg");
    const std::vector<std::byte> frame{std::byte{0xFF}, std::byte{0xC0}};
    const auto found = std::ranges::search(jpeg, frame).begin();
    REQUIRE(found != jpeg.end());
    // Height and width, two bytes each.
    write_number(jpeg, static_cast<std::size_t>(found - jpeg.begin()) + 5, 12'000U << 16 | 12'000U);
    CHECK_THROWS_WITH(
        decode_image(jpeg, "a/bomb.JPEG"),
        ContainsSubstring("a/bomb.JPEG") && ContainsSubstring("can't hold 12000 × 12000 pixels"));
    auto png = read_bytes(images() / "rgb.png");
    write_number(png, 16, 12'000);
    write_number(png, 20, 12'000);
    write_number(png, 29, checksum(std::span(png).subspan(12, 17)));
    CHECK_THROWS_WITH(decode_image(png, "a/bomb.png"),
                      ContainsSubstring("can't hold 12000 × 12000 pixels"));
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
