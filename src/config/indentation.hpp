#pragma once

#include <string>
#include <string_view>

namespace comq {

/**
 * Where a parser of YAML stopped at line `line` (from 1): "wrong indentation: …" with the columns
 * that the line could begin in, when it begins in none in which a line before it keeps a map or
 * list open; else empty.
 */
std::string indentation_problem(std::string_view text, int line);

}  // namespace comq
