#pragma once

#include <filesystem>

namespace comq {

/**
 * Folder that holds `configs/` and `datasets/`: $COMQ_DATA when set; beside an installed program
 * <prefix>/share/comq; else the source tree of the build. Throws UsageError when none has them.
 */
std::filesystem::path data_folder();

/** `path` from the working directory on when it lies below it, else as it is: to be read, typed. */
std::filesystem::path short_path(const std::filesystem::path& path);

/** Folder of the source tree this build was made from; it may be gone. */
std::filesystem::path source_folder();

}  // namespace comq
