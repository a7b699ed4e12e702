#include "storage/file_lock.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>

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

TEST_CASE("the holder of a lock can be asked for and is not disturbed") {
    const fs::path file = test::temporary_folder() / "run.h5";
    CHECK_FALSE(lock_holder(file));
    {
        const FileLock lock(file);
        CHECK_THAT(lock_holder(file).value_or(""),
                   ContainsSubstring(fmt::format("process {} on", ::getpid())));
        CHECK_THROWS(FileLock(file));
    }
    CHECK_FALSE(lock_holder(file));
}

TEST_CASE("a waiter gets the lock once it is free, or gives up when told to") {
    const fs::path file = test::temporary_folder() / "run.h5";
    std::optional<FileLock> first(std::in_place, file);
    const std::atomic<bool> stopped{true};
    CHECK(FileLock::wait(file, stopped) == nullptr);

    const std::atomic<bool> go_on{false};
    std::atomic<bool> got{false};
    std::vector<std::string> waited_for;
    std::thread waiter([&] {
        got = FileLock::wait(file, go_on, [&](const std::string& holder) {
                  waited_for.push_back(holder);
              }) != nullptr;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK_FALSE(got);
    first.reset();
    waiter.join();
    CHECK(got);
    CHECK(waited_for == std::vector<std::string>{this_process()});
    CHECK(FileLock::wait(file, go_on, [](const std::string&) { FAIL("nobody has it"); }));
}
