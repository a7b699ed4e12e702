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
/** Prints lines that stay, above the live line: what inform() does. */
void print_above(std::string_view text) noexcept;
/** Prints `text`, whole lines that stay, in the place of the live line. */
void close(std::string_view text) noexcept;

}  // namespace live_line

}  // namespace comq
