#pragma once

#include <string>
#include <string_view>

namespace comq {

/** `word` as a POSIX shell reads it back: in quotes where it needs them. */
std::string shell_quoted(std::string_view word);

}  // namespace comq
