#include "storage/mapped_file.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "core/errors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

struct Ended {
    int status = 0;
    std::string said;
};

/** How a child process ends that runs `body`, and what it writes to its standard error. */
template <typename Body>
Ended ended_child(const Body& body) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], STDERR_FILENO);
        body();
        ::_exit(0);
    }
    ::close(ends[1]);
    Ended ended;
    char letter = 0;
    while (::read(ends[0], &letter, 1) == 1) ended.said += letter;
    ::close(ends[0]);
    REQUIRE(::waitpid(child, &ended.status, 0) == child);
    return ended;
}

}  // namespace

TEST_CASE("a mapped file that becomes shorter ends the program in one line") {
    const fs::path folder = test::temporary_folder();
    for (const Mapping mapping : {Mapping::read_only, Mapping::copy_on_write}) {
        const fs::path file = folder / "weights";
        std::ofstream(file, std::ios::trunc) << std::string(1 << 20, 'w');
        const Ended ended = ended_child([&] {
            const FileBytes other = map_file(file);
            const FileBytes bytes = map_file(file, mapping);
            fs::resize_file(file, 10);
            const volatile std::byte* last = bytes.data.get() + (1 << 19);
            static_cast<void>(*last);
        });
        REQUIRE(WIFEXITED(ended.status));
        CHECK(WEXITSTATUS(ended.status) == static_cast<int>(ExitCode::bad_input));
        CHECK(ended.said == "error: " + file.string() +
                                ": became shorter while it was read, or its disk fails (restore "
                                "it and start again)\n");
    }
}

TEST_CASE("a bus error that is no file's ends the program as ever") {
    const fs::path file = test::temporary_folder() / "weights";
    std::ofstream(file) << "w";
    const Ended ended = ended_child([&] {
        const FileBytes bytes = map_file(file);
        ::raise(SIGBUS);
        ::raise(SIGBUS);
    });
    CHECK(WIFSIGNALED(ended.status));
}
