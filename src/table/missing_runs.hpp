#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "table/table.hpp"

namespace comq {

/**
 * Writes a sweep (for run_sweep) into `folder` for each config that missing runs start from, and
 * returns their files, named after the configs; each config keeps its file in later calls. The
 * results of a sweep go to a folder of its name beside it.
 * Runs of peers are left out: only their command makes them.
 */
std::vector<std::filesystem::path> write_sweeps(const std::vector<MissingRun>& missing,
                                                const std::filesystem::path& folder);

}  // namespace comq
