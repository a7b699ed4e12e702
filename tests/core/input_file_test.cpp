#include "core/input_file.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

TEST_CASE("an input is a regular file, or a link to one") {
    const fs::path folder = test::temporary_folder();
    std::ofstream(folder / "text") << "0123456789";
    fs::create_symlink("text", folder / "link");
    CHECK(read_text(folder / "text") == "0123456789");
    CHECK(read_text(folder / "link", 8) == "89");
    CHECK(read_text(folder / "text", 2, 3) == "234");
    CHECK(read_text(folder / "text", 20).empty());
    CHECK(text_if_readable(folder / "text", 0, 4) == "0123");
    CHECK(!text_if_readable(folder / "missing"));
    CHECK_THROWS_WITH(read_text(folder / "missing"),
                      ContainsSubstring("missing: can't be opened: No such file"));
}

TEST_CASE("nothing waits for a pipe, and no device is read") {
    const fs::path folder = test::temporary_folder();
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    fs::create_symlink("pipe", folder / "link");
    for (const char* name : {"pipe", "link"}) {
        CHECK_THROWS_WITH(open_input(folder / name),
                          ContainsSubstring("is not a regular file but a pipe"));
        CHECK_THROWS_AS(sha256_hex_of_file(folder / name), InputError);
        CHECK(!text_if_readable(folder / name));
    }
    CHECK_THROWS_WITH(open_input(folder), ContainsSubstring("but a folder"));
    CHECK_THROWS_WITH(open_input("/dev/zero"), ContainsSubstring("but a device"));
}
