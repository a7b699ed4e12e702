#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace comq {

struct Utf8Character {
    std::size_t bytes = 0;  ///< 0: the text begins with none
    char32_t code = 0;
};

/** The character that `bytes`, which are not empty, begin with. */
Utf8Character first_character(std::string_view bytes);

/** Whether the bytes are UTF-8 as RFC 3629 has it: no overlong forms, no surrogates. */
bool is_utf8(std::string_view bytes);

/**
 * The text with U+FFFD in the place of each byte that is no UTF-8. Names of files are bytes; JSON,
 * YAML and HDF5 hold text.
 */
std::string replace_invalid_utf8(std::string_view bytes);

/**
 * The text with "\\x1b" in the place of a control character other than line ends and tabs: names
 * out of files that are shown on a terminal could change what stands there.
 */
std::string without_control_characters(std::string_view text);

/**
 * Columns that a terminal gives UTF-8 `text`: two for East Asian wide characters and emoji, none
 * for combining marks, one for a byte that is no UTF-8. Escape sequences are not looked for.
 */
std::size_t display_width(std::string_view text);

/** `text` in at most `columns` columns; where something is cut off, "…" stands in the last one. */
std::string cut(std::string_view text, std::size_t columns);

/**
 * `text`, in which from the left the first pair of `replacements` whose first part stands at a
 * place has its second part there: a text escaped for a format.
 */
std::string replace_each(
    std::string_view text,
    std::initializer_list<std::pair<std::string_view, std::string_view>> replacements);

/** `text` and as many spaces as fill `columns` columns. */
std::string padded(std::string_view text, std::size_t columns);

/**
 * The words of `text` in lines of at most `columns` columns, each after `indent` spaces but the
 * first, which begins behind as many columns that the caller has filled. A word stays whole.
 */
std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns = 80);

/** "12 s", "3 min 05 s", "2 h 10 min". */
std::string format_duration(double seconds);

/** "1.5 GB" in powers of 1000. */
std::string format_bytes(double bytes);

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
