#include "storage/output_file.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <filesystem>
#include <fstream>

#include "core/errors.hpp"
#include "storage/atomic_file.hpp"
#include "storage/file_lock.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

TEST_CASE("a link stays, and what it leads to is written") {
    const fs::path folder = test::temporary_folder();
    fs::create_directory(folder / "store");
    std::ofstream(folder / "store/old") << "old";
    fs::create_symlink("store/old", folder / "link");
    fs::create_symlink("link", folder / "link to a link");
    fs::create_symlink("store/new", folder / "link to nothing yet");
    write_text_atomically(folder / "link to a link", "first");
    write_text_atomically(folder / "link to nothing yet", "second");
    CHECK(fs::is_symlink(folder / "link to a link"));
    CHECK(fs::is_symlink(folder / "link to nothing yet"));
    CHECK(test::text_of(folder / "store/old") == "first");
    CHECK(test::text_of(folder / "store/new") == "second");
    fs::create_symlink("circle", folder / "circle");
    CHECK_THROWS_WITH(write_text_atomically(folder / "circle", "x"),
                      ContainsSubstring("leads nowhere"));
}

TEST_CASE("only regular files are replaced") {
    const fs::path folder = test::temporary_folder();
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    fs::create_symlink("pipe", folder / "link");
    fs::create_symlink("/dev/null", folder / "null");
    for (const char* name : {"pipe", "link", "null"}) {
        CHECK_THROWS_AS(write_text_atomically(folder / name, "x"), UsageError);
        CHECK_THROWS_WITH(write_text_atomically(folder / name, "x"),
                          ContainsSubstring("is a device or a pipe"));
    }
    CHECK(fs::is_fifo(folder / "pipe"));
    CHECK_THROWS_WITH(write_text_atomically(folder, "x"), ContainsSubstring("is a folder"));
}

TEST_CASE("text replaces what begins alike, and what it was itself") {
    const fs::path file = test::temporary_folder() / "table.md";
    write_output_text(file, "### The title of a table of two networks\n\n| a |\n");
    write_output_text(file, "### The title of a table of two networks\n\n| a | and b |\n");
    CHECK(test::text_of(file).ends_with("and b |\n"));
    const bool has_attributes = ::getxattr(file.c_str(), "user.comq.sha256", nullptr, 0) > 0;
    if (has_attributes) CHECK_NOTHROW(write_output_text(file, "### Another title of it\n"));

    std::ofstream(file, std::ios::app) << "and a line of my own";
    CHECK_THROWS_AS(write_output_text(file, "### Another table\n"), UsageError);
    CHECK_THROWS_WITH(write_output_text(file, "### Another table\n"),
                      ContainsSubstring("is not replaced (remove it, or choose another name)"));
    std::ofstream(file, std::ios::trunc).close();
    CHECK_NOTHROW(write_output_text(file, "### Another table\n"));
}

TEST_CASE("what stands in the place of a lock is not written to") {
    const fs::path folder = test::temporary_folder();
    std::ofstream(folder / "mine") << "my thesis";
    fs::create_symlink("mine", folder / "a.h5.lock");
    REQUIRE(::mkfifo((folder / "b.h5.lock").c_str(), 0600) == 0);
    CHECK_THROWS_AS(FileLock(folder / "a.h5"), Failure);
    CHECK_THROWS_AS(FileLock(folder / "b.h5"), Failure);
    CHECK(!lock_holder(folder / "b.h5"));
    CHECK(test::text_of(folder / "mine") == "my thesis");
}
