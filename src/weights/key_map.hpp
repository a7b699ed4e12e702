#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/host_tensor.hpp"

namespace comq {

/** Which of several tensors one is that are the rows of one of ours, from above; 1 of 1: all. */
struct RowPart {
    int number = 1;
    int of = 1;
};

/**
 * Renames tensors whose whole name matches `pattern`. In patterns `*` matches part of a name
 * without dots and `**` any text, each at least one character; `$1` to `$9` in the replacement
 * stand for them in order, `$1{-1}` for the first one, a number, less one. Without a replacement
 * the tensor is dropped.
 */
struct KeyRule {
    std::string pattern;
    std::optional<std::string> replacement;
    RowPart part = {};       ///< query, key and value are 1, 2 and 3 of 3 parts
    bool as_matrix = false;  ///< [out, c, h, w] of a convolution becomes [out, c·h·w]
};

/**
 * How one publisher's names become ours: of the ordered rules the first that matches a name is
 * applied, once; other names stay. The map is for checkpoints in which some name matches `marker`.
 */
struct KeyMap {
    std::string publisher;
    std::string marker;
    std::vector<KeyRule> rules;

    bool applies_to(const TensorMap& tensors) const;
};

/** The wildcards' texts when all of `name` matches. */
std::optional<std::vector<std::string>> match_pattern(const std::string& pattern,
                                                      const std::string& name);

/**
 * Throws InputError naming `file` and both old names when two tensors get the same one, or the part
 * that is missing or does not fit the others of its tensor.
 */
TensorMap rename_tensors(const TensorMap& tensors, const KeyMap& map, const std::string& file);

}  // namespace comq
