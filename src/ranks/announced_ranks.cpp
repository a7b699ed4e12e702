#include <cstdlib>

#include "ranks/slurm_step.hpp"
#include "ranks/start_ranks.hpp"

namespace comq {

int announced_ranks(bool by_shell) {
    // Open MPI's mpirun; MPICH's and Intel MPI's (Hydra).
    for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
        const char* text = std::getenv(variable);
        if (const int count = text == nullptr ? 0 : std::atoi(text)) return count;
    }
    return by_shell ? 1 : slurm_step_tasks();
}

}  // namespace comq
