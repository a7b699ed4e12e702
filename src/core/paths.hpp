#pragma once

#include <filesystem>

namespace comq {

/**
 * Folder that holds `configs/` and `datasets/`: $COMQ_DATA when set; beside an installed program
 * <prefix>/share/comq; else the source tree of the build. Throws UsageError when none has them.
 */
std::filesystem::path data_folder();

/** Folder of the source tree this build was made from; it may be gone. */
std::filesystem::path source_folder();

}  // namespace comq
