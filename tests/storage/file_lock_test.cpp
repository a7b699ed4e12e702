#include "storage/file_lock.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "core/errors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

TEST_CASE("a second writer learns who holds the lock") {
    const fs::path file = test::temporary_folder() / "run.h5";
    std::optional<FileLock> lock(std::in_place, file);
    CHECK_THROWS_WITH(FileLock(file),
                      ContainsSubstring(file.string()) &&
                          ContainsSubstring(fmt::format("process {} on host ", ::getpid())));
    lock.reset();
    CHECK_FALSE(fs::exists(file.string() + ".lock"));
    CHECK_NOTHROW(FileLock(file));
}

TEST_CASE("locks of different files do not meet") {
    const fs::path folder = test::temporary_folder();
    const FileLock first(folder / "a.h5");
    CHECK_NOTHROW(FileLock(folder / "b.h5"));
}

TEST_CASE("a killed holder's lock is free") {
    const fs::path file = test::temporary_folder() / "run.h5";
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const FileLock lock(file);
        const bool told = ::write(ready[1], "x", 1) == 1;
        while (told) ::pause();
        ::_exit(1);
    }
    char byte;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    CHECK_THROWS_WITH(FileLock(file), ContainsSubstring(fmt::format("process {} on", child)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    CHECK(fs::exists(file.string() + ".lock"));
    CHECK_NOTHROW(FileLock(file));
    ::close(ready[0]);
    ::close(ready[1]);
}
