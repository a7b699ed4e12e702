#pragma once

#include <filesystem>
#include <string>

#include "support/assets.hpp"

namespace comq::test {

/** `folder` of the reference values, or the copy of its small files in the source tree. */
inline std::filesystem::path golden_folder(const std::string& folder) {
    if (golden()) return *golden() / folder;
    return source_dir() / "tests" / "data" / "golden" / folder;
}

}  // namespace comq::test
