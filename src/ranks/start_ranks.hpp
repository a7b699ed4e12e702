#pragma once

#include "core/errors.hpp"
#include "ranks/announced_ranks.hpp"

namespace comq {

/**
 * Joins the other ranks when mpirun or srun has started this process as one of several, and
 * installs them as communicator(). MPI is left alone otherwise, so a process of a Slurm array
 * never depends on it. Throws UsageError when there are several ranks and comq was built without
 * MPI, and what check_slurm_step throws. Call before the first thread is started.
 */
void start_ranks();

/** Leaves the other ranks in order. Does nothing for a process alone. */
void finish_ranks();

/**
 * Ends every rank at once with `code`, since the others would wait for this one for ever. Returns
 * for a process alone.
 */
void abort_ranks(ExitCode code);

}  // namespace comq
