#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/assets.hpp"

namespace comq::test {

/** Says loudly that the running test is skipped when there is no mpirun here. */
inline bool have_mpirun() {
    if (std::filesystem::exists(COMQ_MPIRUN)) return true;
    skip("mpi", "mpirun");
    return false;
}

/** The words that start `command` as `ranks` processes of one run. */
inline std::vector<std::string> as_ranks(int ranks, std::vector<std::string> command) {
    // Open MPI refuses to run as root, and to start more processes than there are cores, unasked.
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
    command.insert(command.begin(), {COMQ_MPIRUN, "-n", std::to_string(ranks)});
    return command;
}

}  // namespace comq::test
