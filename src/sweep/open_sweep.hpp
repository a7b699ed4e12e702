#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sweep/expand.hpp"

namespace comq {

/**
 * Reads and expands a sweep with the fragments that come with comq, its models and methods checked
 * against `known`. Throws UsageError as load_sweep and expand do.
 */
Sweep open_sweep(const std::filesystem::path& file, const std::vector<std::string>& arguments,
                 const KnownNames& known = {});

}  // namespace comq
