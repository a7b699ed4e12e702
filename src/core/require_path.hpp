#pragma once

#include <filesystem>
#include <string>

namespace comq {

/**
 * Throws UsageError when there is no file at a path that a config or the command line names, or a
 * folder is. What is there and can't be read is another matter (InputError). `named_by` begins the
 * message, as in "data.synsets: "; alone the path does.
 */
void require_file(const std::filesystem::path& file, const std::string& named_by = "");
/** require_file for a folder. */
void require_folder(const std::filesystem::path& folder, const std::string& named_by = "");

}  // namespace comq
