#pragma once

#include <string>
#include <vector>

namespace comq {

/**
 * Lines on standard error that are redrawn in place on a terminal, below lines that stay.
 * Elsewhere only the lines that stay are printed.
 */
class LiveTable {
  public:
    LiveTable();

    bool live() const { return terminal_; }
    /** Replaces the table; what does not fit the terminal is cut. */
    void show(const std::vector<std::string>& lines);
    /** A line that stays, above the table. */
    void print(const std::string& line);
    /** Removes the table. */
    void finish();

  private:
    bool terminal_;
    std::size_t drawn_ = 0;  ///< lines of the table on the screen
};

}  // namespace comq
