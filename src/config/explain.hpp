#pragma once

#include <string>
#include <vector>

#include "config/key_info.hpp"

namespace comq {

enum class ExplainFormat {
    text,      ///< for the screen
    markdown,  ///< a table, a row a key
    json,      ///< an array of objects
};

/** What a search among keys found. */
struct FoundKeys {
    std::vector<KeyInfo> keys;
    bool named = false;  ///< a key, the keys of a section, or "all"; else keys that contain a word
};

/**
 * The key `name`, the keys of the section `name`, or all for "all". Otherwise every key that has
 * `name` in its name, its choices or its meaning, whatever the case: names before the others, those
 * that end in it first. Throws UsageError with the nearest keys when there is none.
 */
FoundKeys find_keys(const std::vector<KeyInfo>& keys, const std::string& name);

/**
 * Type, default, unit, effects, readers and meaning of what find_keys() finds. As text, keys that
 * only contain the word are listed, a line each, unless there is one.
 */
std::string explain_keys(const std::vector<KeyInfo>& keys, const std::string& name,
                         ExplainFormat format = ExplainFormat::text);

}  // namespace comq
