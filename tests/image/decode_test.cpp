#include "image/decode.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <utility>
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

/** How many bytes come out of the standard error meanwhile. */
template <class Work>
long said_during(const Work& work) {
    const std::unique_ptr<FILE, int (*)(FILE*)> said(std::tmpfile(), std::fclose);
    const int saved = ::dup(STDERR_FILENO);
    ::dup2(::fileno(said.get()), STDERR_FILENO);
    work();
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
    return std::fseek(said.get(), 0, SEEK_END) == 0 ? std::ftell(said.get()) : -1;
}

/** A PNG with one more chunk behind its header. */
std::vector<std::byte> with_chunk(std::vector<std::byte> png, const std::string& type,
                                  const std::string& data) {
    const std::string content = type + data;
    std::vector<std::byte> chunk(content.size() + 8);
    write_number(chunk, 0, static_cast<uint32_t>(data.size()));
    std::ranges::copy(std::as_bytes(std::span(content)), chunk.begin() + 4);
    write_number(chunk, content.size() + 4, checksum(std::as_bytes(std::span(content))));
    png.insert(png.begin() + 33, chunk.begin(), chunk.end());
    return png;
}

}  // namespace

TEST_CASE("libraries say nothing of a broken image beside its error") {
    auto png = read_bytes(images() / "rgb.png");
    png[png.size() - 20] ^= std::byte{1};  // of the pixels
    std::vector<std::byte> tiff(1200);     // 13 × 13 pixels in a strip that is no JPEG
    const std::vector<std::array<uint32_t, 4>> fields{
        {256, 4, 1, 13},  {257, 4, 1, 13}, {258, 3, 1, 8},  {259, 3, 1, 7},   {262, 3, 1, 1},
        {273, 4, 1, 200}, {277, 3, 1, 1},  {278, 4, 1, 13}, {279, 4, 1, 1000}};
    const auto write = [&](std::size_t at, uint32_t number, std::size_t bytes) {
        for (std::size_t i = 0; i < bytes; ++i) tiff[at + i] = std::byte(number >> 8 * i & 0xFF);
    };
    write(0, 0x002A4949, 4);
    write(4, 8, 4);
    write(8, static_cast<uint32_t>(fields.size()), 2);
    for (std::size_t i = 0; i < fields.size(); ++i) {
        write(10 + 12 * i, fields[i][0], 2);
        write(12 + 12 * i, fields[i][1], 2);
        write(14 + 12 * i, fields[i][2], 4);
        write(18 + 12 * i, fields[i][3], 4);
    }
    CHECK(said_during([&] {
              CHECK_THROWS_AS(decode_image(png, "x.png"), InputError);
              CHECK_THROWS_AS(decode_image(tiff, "x.tif"), InputError);
          }) == 0);
}

TEST_CASE("what a PNG says beside its pixels changes nothing and is not complained of") {
    const auto png = read_bytes(images() / "rgb.png");
    const std::string profile("icc\0\0no zlib stream", 20);
    const std::vector<std::pair<std::string, std::string>> chunks{
        {"iCCP", profile},  {"cHRM", std::string(32, '\xFF')},
        {"cHRM", "short"},  {"gAMA", std::string(4, '\0')},
        {"tRNS", "odd"},    {"sBIT", "12345"},
        {"bKGD", "1"},      {"PLTE", std::string(4, 'p')},
        {"zzZz", "unknown"}};
    for (const auto& [type, data] : chunks) {
        CAPTURE(type);
        RgbImage image;
        CHECK(said_during([&] { image = decode_image(with_chunk(png, type, data), "x.png"); }) ==
              0);
        CHECK(digest(image) == digest(read_image(images() / "rgb.png")));
    }
}

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
