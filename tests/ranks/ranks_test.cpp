#include <cstdlib>
#include <string>

#include "core/communicator.hpp"
#include "ranks/start_ranks.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/mpirun.hpp"

using namespace comq;

namespace {

struct Outcome {
    int exit_code;
    std::string output;
};

Outcome under_mpirun(int count, const std::string& argument) {
    const auto log = test::temporary_folder() / "log";
    test::ChildProcess child(test::as_ranks(count, {COMQ_RANKS_CHECK, argument}), log);
    const int exit_code = child.wait();
    return {exit_code, test::text_of(log)};
}

}  // namespace

TEST_CASE("a process of its own is alone, and its operations do nothing") {
    CHECK(announced_ranks() == 1);
    start_ranks();
    Communicator& ranks = communicator();
    CHECK(ranks.size() == 1);
    CHECK(ranks.root());
    std::vector<double> values{1.5};
    ranks.sum_at(0, values);
    CHECK(values[0] == 1.5);
    CHECK(ranks.sum(7) == 7);
    CHECK(ranks.broadcast("text") == "text");
    ranks.wait_for_all();
    abort_ranks(ExitCode::failure);
    finish_ranks();
}

TEST_CASE("ranks are announced by mpirun and srun, not by a job that holds one process") {
    setenv("SLURM_STEP_NUM_TASKS", "8", 1);
    setenv("SLURM_NTASKS", "8", 1);
    CHECK(announced_ranks() == 1);
    setenv("SLURM_STEP_ID", "0", 1);
    setenv("SLURM_PROCID", "3", 1);
    CHECK(announced_ranks() == 8);
    setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
    CHECK(announced_ranks() == 4);
    for (const char* name : {"SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_STEP_ID",
                             "SLURM_PROCID", "OMPI_COMM_WORLD_SIZE"}) {
        unsetenv(name);
    }
}

TEST_CASE("ranks add up, share text and wait for each other") {
    if (!test::have_mpirun()) return;
    const int count = GENERATE(2, 3);
    const Outcome outcome = under_mpirun(count, "operations");
    INFO(outcome.output);
    CHECK(outcome.exit_code == 0);
    for (int rank = 0; rank < count; ++rank) {
        CHECK_THAT(outcome.output, ContainsSubstring("rank " + std::to_string(rank) + " of " +
                                                     std::to_string(count) + " is good"));
    }
}

TEST_CASE("one rank that gives up ends all with its exit code") {
    if (!test::have_mpirun()) return;
    CHECK(under_mpirun(2, "abort").exit_code == 75);
}
