#include "core/child_process.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("a point's process learns nothing of ranks that its launcher is one of") {
    CHECK(announces_ranks("PMIX_RANK=1"));
    CHECK(announces_ranks("PMI_SIZE=2"));
    CHECK(announces_ranks("OMPI_COMM_WORLD_SIZE=2"));
    CHECK(announces_ranks("SLURM_STEP_ID=0"));
    CHECK_FALSE(announces_ranks("SLURM_CONF=/etc/slurm/slurm.conf"));
    CHECK_FALSE(announces_ranks("OMPI_ALLOW_RUN_AS_ROOT=1"));
    CHECK_FALSE(announces_ranks("PATH=/bin"));

    const auto log = test::temporary_folder() / "log";
    ::setenv("PMIX_RANK", "1", 1);
    ::setenv("SLURM_STEP_ID", "0", 1);
    CHECK(ChildProcess({"env"}, log).wait() == 0);
    ::unsetenv("PMIX_RANK");
    ::unsetenv("SLURM_STEP_ID");
    CHECK_THAT(test::text_of(log), ContainsSubstring("PATH=") && !ContainsSubstring("PMIX_RANK") &&
                                       !ContainsSubstring("SLURM_STEP_ID"));
}

TEST_CASE("a signal that comes before the program does ends it all the same") {
    // Handlers of this process stay in the child until the program takes its place.
    static std::atomic<int> taken{0};
    const auto before = std::signal(SIGTERM, [](int) { ++taken; });
    const auto log = test::temporary_folder() / "log";
    for (int i = 0; i < 20; ++i) {
        ChildProcess sleeper({"sleep", "3"}, log);
        sleeper.signal(SIGTERM);
        CHECK(sleeper.wait() == 128 + SIGTERM);
    }
    std::signal(SIGTERM, before);
    CHECK(taken == 0);
}

TEST_CASE("a child's end and what it prints are told") {
    const auto log = test::temporary_folder() / "log";
    CHECK(ChildProcess({"sh", "-c", "echo out; echo err >&2; exit 3"}, log).wait() == 3);
    CHECK(test::text_of(log) == "out\nerr\n");
    CHECK(ChildProcess({"echo", "more"}, log, ChildProcess::Log::appended).wait() == 0);
    CHECK(test::text_of(log) == "out\nerr\nmore\n");
    // Under ThreadSanitizer _exit() in the child writes what this process has not.
    std::fflush(nullptr);
    CHECK(ChildProcess({"no_such_program_here"}, log).wait() == 127);
    CHECK(test::text_of(log) == "error: the program can't be started\n");
    ChildProcess sleeper({"sleep", "60"}, log);
    CHECK_FALSE(sleeper.ended().has_value());
    sleeper.signal(SIGTERM);
    CHECK(sleeper.wait() == 128 + SIGTERM);
    CHECK_THROWS_WITH(ChildProcess({"true"}, log / "below"), ContainsSubstring("can't be written"));
}
