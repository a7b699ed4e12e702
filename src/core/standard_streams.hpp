#pragma once

#include <string_view>

namespace comq {

/**
 * Opens /dev/null in the place of each closed descriptor of 0 to 2, so that no file a program
 * opens becomes its standard output or error; and has a write to a pipe that nobody reads fail
 * instead of ending the process. Called before a program opens anything.
 */
void prepare_standard_streams();

/**
 * Writes to the standard error what only informs, above a progress bar. What can't be written (a
 * full disk, a terminal that is gone) is lost: it never ends a run.
 */
void inform(std::string_view text) noexcept;

/** Ends the process by SIGPIPE, silently, where the reader of its standard output has gone
 *  (`| head`), as other programs do; returns otherwise. */
void end_where_nobody_reads();

/** Flushes the standard output. Throws Failure when anything written to it was lost. */
void flush_standard_output();

}  // namespace comq
