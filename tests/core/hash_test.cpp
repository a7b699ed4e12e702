#include "core/hash.hpp"

#include <fstream>

#include "core/errors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("SHA-256 equals the standard's examples") {
    // FIPS 180-4, "abc" and the empty message.
    CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("a file's hash equals its content's") {
    const auto file = test::temporary_folder() / "content";
    std::ofstream(file, std::ios::binary) << std::string(3'000'000, 'x');
    CHECK(sha256_hex_of_file(file) == sha256_hex(std::string(3'000'000, 'x')));
}

TEST_CASE("hashing a missing file names it") {
    CHECK_THROWS_WITH(sha256_hex_of_file("/nonexistent/w.pth"),
                      ContainsSubstring("/nonexistent/w.pth"));
}
