#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "ranks/start_ranks.hpp"

namespace comq {

namespace {

int number_in(const char* variable) {
    const char* text = std::getenv(variable);
    return text == nullptr ? 0 : std::atoi(text);
}

/** By PMIx, by Slurm's PMI-1 or PMI-2, or by mpirun. */
bool knows_other_ranks() {
    constexpr std::array variables{"PMIX_NAMESPACE", "PMIX_RANK", "PMI_FD",
                                   "PMI_RANK",       "PMI_SIZE",  "OMPI_COMM_WORLD_SIZE"};
    return std::ranges::any_of(
        variables, [](const char* variable) { return std::getenv(variable) != nullptr; });
}

}  // namespace

int slurm_step_tasks() {
    if (std::getenv("SLURM_STEP_ID") == nullptr || std::getenv("SLURM_PROCID") == nullptr) return 1;
    return std::max(1, number_in("SLURM_STEP_NUM_TASKS"));
}

bool started_by_interactive_shell() {
    // Such a shell gives each command a process group of its own. srun's tasks have no terminal, or
    // lead the session of theirs.
    const int terminal = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0) return false;
    ::close(terminal);
    return ::getpgrp() != ::getsid(0);
}

int announced_ranks(bool by_shell) {
    // Open MPI's mpirun; MPICH's and Intel MPI's (Hydra).
    for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
        if (const int count = number_in(variable)) return count;
    }
    return by_shell ? 1 : slurm_step_tasks();
}

void check_slurm_step() {
    const int tasks = slurm_step_tasks();
    if (tasks < 2 || knows_other_ranks()) return;
    if (number_in("SLURM_PROCID") != 0) throw Error(ExitCode::usage, "");
    throw UsageError(
        "srun started this as one of {} tasks, but without PMIx, which this Open MPI needs: use "
        "srun --mpi=pmix (srun --mpi=list shows what there is), or, to run one process in the "
        "shell of an interactive step, unset SLURM_STEP_ID first",
        tasks);
}

void check_joined_ranks(int announced, int joined) {
    if (joined == announced) return;
    // Each of them is rank 0 to itself; the launcher's count tells which one speaks.
    for (const char* variable : {"PMI_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID"}) {
        if (std::getenv(variable) == nullptr) continue;
        if (number_in(variable) != 0) throw Error(ExitCode::usage, "");
        break;
    }
    throw UsageError(
        "the launcher started {} processes, but in the MPI that comq was built with they are a run "
        "of {}: start them with the mpirun of that MPI (ldd run_experiment shows which it is)",
        announced, joined);
}

}  // namespace comq
