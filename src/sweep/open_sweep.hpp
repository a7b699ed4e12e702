#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sweep/expand.hpp"

namespace comq {

/** Reads and expands a sweep against the methods and the fragments that this program knows. */
Sweep open_sweep(const std::filesystem::path& file, const std::vector<std::string>& arguments);

}  // namespace comq
