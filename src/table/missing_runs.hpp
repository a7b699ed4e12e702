#pragma once

#include <filesystem>
#include <vector>

#include "points/point.hpp"
#include "table/table.hpp"

namespace comq {

/**
 * What a table misses as points for a launcher: a set for each config that missing runs start from,
 * named after it. Its results go to the folder of that name in `folder`, the same in later calls,
 * whatever is missing by then.
 * Runs of peers are left out: only their command makes them.
 */
std::vector<PointSet> missing_points(const Table& table, const std::filesystem::path& folder,
                                     const LoadOptions& options);

}  // namespace comq
