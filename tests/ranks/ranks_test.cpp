#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "core/child_process.hpp"
#include "core/communicator.hpp"
#include "ranks/start_ranks.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/mpirun.hpp"

using namespace comq;

namespace {

struct Outcome {
    int exit_code;
    std::string output;
};

Outcome under_mpirun(int count, const std::string& argument) {
    const auto log = test::temporary_folder() / "log";
    ChildProcess child(test::as_ranks(count, {COMQ_RANKS_CHECK, argument}), log);
    const int exit_code = child.wait();
    return {exit_code, test::text_of(log)};
}

/** Variables that are there while the object lives. */
class Environment {
  public:
    using Variables = std::map<std::string, std::string>;

    explicit Environment(Variables variables) : variables_(std::move(variables)) {
        for (const auto& [name, value] : variables_) setenv(name.c_str(), value.c_str(), 1);
    }
    ~Environment() {
        for (const auto& variable : variables_) unsetenv(variable.first.c_str());
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

  private:
    Variables variables_;
};

/** What srun tells each of 8 tasks. */
Environment::Variables slurm_step(const std::string& task) {
    return {{"SLURM_STEP_NUM_TASKS", "8"}, {"SLURM_STEP_ID", "0"}, {"SLURM_PROCID", task}};
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
    CHECK(ranks.first_text("text") == "text");
    ranks.wait_for_all();
    abort_ranks(ExitCode::failure);
    finish_ranks();
}

TEST_CASE("ranks are announced by mpirun and srun, not by a job that holds one process") {
    {
        const Environment job(
            Environment::Variables{{"SLURM_STEP_NUM_TASKS", "8"}, {"SLURM_NTASKS", "8"}});
        CHECK(announced_ranks(false) == 1);
    }
    const Environment step(slurm_step("3"));
    CHECK(announced_ranks(false) == 8);
    const Environment mpirun(Environment::Variables{{"OMPI_COMM_WORLD_SIZE", "4"}});
    CHECK(announced_ranks(false) == 4);
}

TEST_CASE("a command typed in a shell that srun started is a process alone, but for mpirun's") {
    const Environment step(slurm_step("0"));
    CHECK(announced_ranks(true) == 1);
    const Environment mpirun(Environment::Variables{{"OMPI_COMM_WORLD_SIZE", "4"}});
    CHECK(announced_ranks(true) == 4);
}

TEST_CASE("the first task of an srun without PMI says what to type, the others only end") {
    const auto error = [] {
        try {
            check_slurm_step();
        } catch (const Error& thrown) {
            CHECK(thrown.exit_code() == ExitCode::usage);
            return std::string(thrown.what());
        }
        return std::string("none");
    };
    CHECK(error() == "none");
    {
        const Environment first(slurm_step("0"));
        CHECK_THAT(error(), ContainsSubstring("one of 8 tasks") &&
                                ContainsSubstring("srun --mpi=pmix") &&
                                ContainsSubstring("unset SLURM_STEP_ID"));
        for (const char* told : {"PMIX_RANK", "PMI_FD", "OMPI_COMM_WORLD_SIZE"}) {
            const Environment more(Environment::Variables{{told, "0"}});
            CHECK(error() == "none");
        }
    }
    const Environment other(slurm_step("3"));
    CHECK(error().empty());
}

TEST_CASE("processes that another MPI's launcher started are no runs of their own") {
    if (!test::have_mpirun()) return;
    // What MPICH's mpiexec -n 3 tells its second and its first process.
    const auto alone = [](const char* rank) {
        const Environment mpich(Environment::Variables{{"PMI_SIZE", "3"}, {"PMI_RANK", rank}});
        return run_shell(std::string(COMQ_RANKS_CHECK) + " start 2>&1");
    };
    const auto first = alone("0");
    INFO(first.output);
    CHECK(first.exit_code == 2);
    CHECK_THAT(first.output, ContainsSubstring("started 3 processes") &&
                                 ContainsSubstring("they are a run of 1"));
    const auto second = alone("1");
    CHECK(second.exit_code == 2);
    CHECK(second.output.empty());
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
