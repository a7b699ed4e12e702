#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace comq {

/**
 * Insertions, deletions, substitutions and swaps of neighbouring characters that turn `a` into `b`
 * (Damerau 1964, each stretch edited at most once).
 */
int edit_distance(std::string_view a, std::string_view b);

/**
 * The name of `known` a user who typed `name` most likely meant: least edit distance, to which
 * a missing end adds one at most; the first of equals. Empty when `known` is empty.
 */
std::string nearest_name(std::string_view name, const std::vector<std::string>& known);

}  // namespace comq
