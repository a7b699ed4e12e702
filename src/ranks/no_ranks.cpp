#include "ranks/start_ranks.hpp"

namespace comq {

void start_ranks() {
    if (const int count = announced_ranks(); count > 1) {
        throw UsageError(
            "{} processes were started for one run, but this comq was built without MPI; start "
            "one, or install an MPI (libopenmpi-dev) and build again",
            count);
    }
}

void finish_ranks() {}

void abort_ranks(ExitCode) {}

}  // namespace comq
