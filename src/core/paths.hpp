#pragma once

#include <filesystem>
#include <string>

namespace comq {

/**
 * Folder that holds `configs/` and `datasets/`: $COMQ_DATA when set; beside an installed program
 * <prefix>/share/comq; else the source tree of the build. Throws UsageError when none has them.
 */
std::filesystem::path data_folder();

/**
 * The file of this name, or the one that comes with comq where there is none here: a shipped
 * "configs/demo_vit_4bit.yaml" can be named from any folder. `name` itself when neither exists.
 */
std::filesystem::path find_shipped(const std::filesystem::path& name);

/**
 * Creates a folder and those above it; none for an empty path, the working directory. Throws
 * Failure naming the folder and, where it is given, the remedy.
 */
void create_folder(const std::filesystem::path& folder, const std::string& remedy = "");

/** `path` from the working directory on when it lies below it, else as it is: to be read, typed. */
std::filesystem::path short_path(const std::filesystem::path& path);

/** Folder of the source tree this build was made from; it may be gone. */
std::filesystem::path source_folder();

/**
 * Throws UsageError when there is no file at a path that a config or the command line names, or a
 * folder is. What is there and can't be read is another matter (InputError). `named_by` begins the
 * message, as in "data.synsets: "; alone the path does.
 */
void require_file(const std::filesystem::path& file, const std::string& named_by = "");
/** require_file for a folder. */
void require_folder(const std::filesystem::path& folder, const std::string& named_by = "");

}  // namespace comq
