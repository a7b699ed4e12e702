#pragma once

#include <string_view>

namespace comq {

/** "0.1.0". */
std::string_view version();

/**
 * Commit this build was made from, "-modified" appended when tracked files differed from it;
 * "unknown" outside a git checkout. Kept current by every build, not only by configuring.
 */
std::string_view build_commit();

/** The line that `--version` prints after the name of a program: "0.1.0 (commit 1a2b3c...)". */
std::string_view version_line();

}  // namespace comq
