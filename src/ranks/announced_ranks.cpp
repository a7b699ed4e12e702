#include <algorithm>
#include <cstdlib>
#include <string>

#include "ranks/start_ranks.hpp"

namespace comq {

namespace {

int number_in(const char* variable) {
    const char* text = std::getenv(variable);
    return text == nullptr ? 0 : std::atoi(text);
}

}  // namespace

int announced_ranks() {
    // Open MPI's mpirun; MPICH's and Intel MPI's (Hydra).
    for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
        if (const int count = number_in(variable)) return count;
    }
    // A task of a job step: sbatch's own script has no step, and salloc's shell no task.
    if (std::getenv("SLURM_STEP_ID") != nullptr && std::getenv("SLURM_PROCID") != nullptr) {
        return std::max(1, number_in("SLURM_STEP_NUM_TASKS"));
    }
    return 1;
}

}  // namespace comq
