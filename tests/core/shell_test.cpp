#include "core/child_process.hpp"

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("a command's exit code and output are returned") {
    const auto result = run_shell("echo out; echo err >&2; exit 3");
    CHECK(result.exit_code == 3);
    CHECK(result.output == "out\n");
    CHECK(run_shell("no_such_program_here 2>/dev/null").exit_code == 127);
}
