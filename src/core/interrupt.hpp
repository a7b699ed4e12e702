#pragma once

#include <atomic>

namespace comq {

/**
 * From now on SIGINT, SIGTERM, SIGHUP (the terminal is gone), SIGXCPU (a limit on CPU time) and
 * SIGUSR1 (Slurm's warning before a time limit) only set a flag: the program finishes the layer or
 * micro-batch it is at, keeps it, and exits with ExitCode::interrupted. A second SIGINT ends the
 * process at once. SIGHUP stays ignored under nohup.
 */
void catch_interrupts();

/** Set once one of the signals has arrived. */
const std::atomic<bool>& interrupt_requested();

}  // namespace comq
