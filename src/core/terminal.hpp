#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace comq {

struct ScreenSize {
    std::size_t rows = 24;
    std::size_t columns = 80;
};

/** Size of the terminal at the standard error, now; 24 rows of 80 columns where none tells. */
ScreenSize screen_size();

/** The standard error is a terminal that can redraw a line (`TERM` is not "dumb"). */
bool error_is_terminal();
bool output_is_terminal();

/**
 * Control characters that erase a line of `width` columns at whose end the cursor stands, on a
 * terminal of `columns` columns: one that was made narrower has broken the line.
 */
std::string erasure(std::size_t width, std::size_t columns);

/**
 * The live line: the last line of the terminal at the standard error, redrawn in place. There is
 * one in the process, whoever draws. Thread-safe; what can't be written is lost.
 */
namespace live_line {

/** Draws `text` in the place of what stood there; nothing where error_is_terminal() is false. */
void show(std::string_view text) noexcept;
/** Prints `text`, whole lines that stay, in the place of the live line. */
void close(std::string_view text) noexcept;

}  // namespace live_line

/**
 * Writes to the standard error what only informs, lines that stay above the live line. What can't
 * be written (a full disk, a terminal that is gone) is lost: it never ends a run.
 */
void inform(std::string_view text) noexcept;

/** The same where a signal is handled or libraries are not ready yet: a system call, nothing else.
 *  The live line is not looked at. */
void write_to_standard_error(std::string_view text) noexcept;

/**
 * Opens /dev/null in the place of each closed descriptor of 0 to 2, so that no file a program
 * opens becomes its standard output or error; and has a write to a pipe that nobody reads, or
 * beyond the limit on file sizes, fail instead of ending the process. Called before a program opens
 * anything.
 */
void prepare_standard_streams();

/** Ends the process by SIGPIPE, silently, where the reader of its standard output has gone
 *  (`| head`), as other programs do; returns otherwise. */
void end_where_nobody_reads();

/** Flushes the standard output. Throws Failure when anything written to it was lost. */
void flush_standard_output();

}  // namespace comq
