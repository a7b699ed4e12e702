#pragma once

#include <string>
#include <string_view>

namespace comq {

/** Whether the bytes are UTF-8 as RFC 3629 has it: no overlong forms, no surrogates. */
bool is_utf8(std::string_view bytes);

/**
 * The text with U+FFFD in the place of each byte that is no UTF-8. Names of files are bytes; JSON,
 * YAML and HDF5 hold text.
 */
std::string replace_invalid_utf8(std::string_view bytes);

}  // namespace comq
