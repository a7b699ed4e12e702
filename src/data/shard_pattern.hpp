#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace comq {

/**
 * The files that a path of `key` names, sorted: the file itself, those of a folder that end in
 * `extension`, or those of a pattern with ranges `{000..063}`, alternatives `{a,b}` and wildcards.
 * Throws UsageError naming key and path when there is none, or a shard of a range is missing.
 */
std::vector<std::filesystem::path> expand_shards(const std::filesystem::path& path,
                                                 std::string_view extension, std::string_view key);

/** Whether a path names files by a pattern. */
bool is_shard_pattern(const std::filesystem::path& path);

}  // namespace comq
