#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

namespace comq {

/**
 * The file that is to be written where `file` is named: over symbolic links, so that they stay.
 * Throws UsageError where something else than a regular file stands there (a device, a pipe, a
 * folder), which renaming a file into place would replace.
 */
std::filesystem::path output_target(const std::filesystem::path& file);

/**
 * Refuses to replace what a program has not written: throws UsageError that names `file` when it
 * is there, is not empty, and `is_ours` denies it.
 */
void keep_foreign_file(const std::filesystem::path& file,
                       const std::function<bool(const std::filesystem::path&)>& is_ours);

/**
 * Writes `text` for people or programs where there is no file yet, or one that this function wrote
 * and nobody has changed since, or that begins alike. Throws as keep_foreign_file.
 */
void write_output_text(const std::filesystem::path& file, std::string_view text);

}  // namespace comq
