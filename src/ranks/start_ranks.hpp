#pragma once

#include "core/errors.hpp"

namespace comq {

/**
 * Tasks of the Slurm step that the environment tells of; 1 outside of a step. sbatch's own script
 * has no step, and salloc's shell no task.
 */
int slurm_step_tasks();

/**
 * Whether an interactive shell started this process, which then is alone, even in a shell that srun
 * started as one of several tasks (`srun -n 2 --pty bash`) and whose environment it inherits.
 */
bool started_by_interactive_shell();

/**
 * How many ranks the launcher's environment announces; 1 without a launcher. `by_shell`: a command
 * typed in a shell is none of the tasks that srun started.
 */
int announced_ranks(bool by_shell = started_by_interactive_shell());

/**
 * Throws UsageError when srun has started this process as one of several without the PMIx by which
 * the processes of Open MPI find each other: MPI_Init would end in a page about Slurm's PMI. Only
 * the step's first task says so, the others throw an Error without words.
 */
void check_slurm_step();

/**
 * Throws UsageError when MPI knows of another number of ranks than the launcher announced: each
 * process would compute the whole run for itself. Only the launcher's first one says so.
 */
void check_joined_ranks(int announced, int joined);

/**
 * Joins the other ranks when mpirun or srun has started this process as one of several, and
 * installs them as communicator(). MPI is left alone otherwise, so a process of a Slurm array
 * never depends on it. Throws UsageError when there are several ranks and comq was built without
 * MPI, and what check_slurm_step and check_joined_ranks throw. Call before the first thread is started.
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
