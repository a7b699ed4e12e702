#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace comq {

/** Rows of cells under headings, each column as wide on a screen as its widest cell. */
class TextTable {
  public:
    struct Column {
        std::string heading;
        bool to_the_right = false;  ///< aligned, as numbers are
        std::size_t width = 0;      ///< at least
    };

    /** `gap` spaces stand between columns and `indent` before the first. */
    explicit TextTable(std::vector<Column> columns, std::size_t gap = 1, std::size_t indent = 0);

    /** Cells from the left; those left out are empty. */
    void add(std::vector<std::string> cells);

    /** The headings and the rows, without spaces at their ends. */
    std::vector<std::string> lines() const;
    /** Those lines with their line ends. */
    std::string text() const;

  private:
    std::vector<Column> columns_;
    std::size_t gap_;
    std::size_t indent_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace comq
