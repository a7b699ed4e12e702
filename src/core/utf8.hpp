#pragma once

#include <cstddef>
#include <string>
#include <string_view>

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

}  // namespace comq
