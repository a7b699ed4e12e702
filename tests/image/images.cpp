#include "image/images.hpp"

#include <fstream>
#include <iterator>
#include <sstream>

#include "core/hash.hpp"
#include "image/decode.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

namespace comq::test {

std::filesystem::path images() { return source_dir() / "tests" / "image" / "images"; }

std::vector<std::byte> read_bytes(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    REQUIRE(stream);
    const std::string text(std::istreambuf_iterator<char>(stream), {});
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

RgbImage read_image(const std::filesystem::path& file) {
    return decode_image(read_bytes(file), file.string());
}

std::string digest(const RgbImage& image) {
    return Sha256().update(std::as_bytes(std::span(image.pixels))).hex_digest();
}

std::vector<std::vector<std::string>> read_table(const std::filesystem::path& file) {
    std::ifstream stream(file);
    REQUIRE(stream);
    std::vector<std::vector<std::string>> rows;
    for (std::string line; std::getline(stream, line);) {
        std::istringstream words(line);
        rows.emplace_back(std::istream_iterator<std::string>(words),
                          std::istream_iterator<std::string>());
    }
    return rows;
}

}  // namespace comq::test
