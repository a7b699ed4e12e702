#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace comq {

/**
 * Columns that a terminal gives UTF-8 `text`: two for East Asian wide characters and emoji, none
 * for combining marks, one for a byte that is no UTF-8. Escape sequences are not looked for.
 */
std::size_t display_width(std::string_view text);

/** `text` in at most `columns` columns; where something is cut off, "…" stands in the last one. */
std::string cut(std::string_view text, std::size_t columns);

/** `text` and as many spaces as fill `columns` columns. */
std::string padded(std::string_view text, std::size_t columns);

/**
 * The words of `text` in lines of at most `columns` columns, each after `indent` spaces but the
 * first, which begins behind as many columns that the caller has filled. A word stays whole.
 */
std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns = 80);

}  // namespace comq
