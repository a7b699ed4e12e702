#pragma once

#include <atomic>

namespace comq {

/**
 * From now on SIGINT, SIGTERM and SIGUSR1 (Slurm's warning before a time limit) only set a flag:
 * the program finishes the layer or micro-batch it is at, keeps it, and exits with
 * ExitCode::interrupted. A second SIGINT ends the process at once.
 */
void catch_interrupts();

/** Set once one of the signals has arrived. */
const std::atomic<bool>& interrupt_requested();

}  // namespace comq
