#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "points/point.hpp"
#include "table/table.hpp"

namespace comq {

/** The runs that missing_points makes points of, by the absolute path of their config. */
std::map<std::filesystem::path, std::vector<MissingRun>> launchable_runs(const Table& table);

/**
 * What a table misses as points for a launcher: a set for each config that missing runs start from,
 * named after it. Its results go to the folder of that name in `folder`, the same in later calls,
 * whatever is missing by then. Sets and their points are in the order of launchable_runs.
 * Runs of peers are left out: only their command makes them.
 */
std::vector<PointSet> missing_points(const Table& table, const std::filesystem::path& folder,
                                     const LoadOptions& options);

/** Says of a missing run, in every cell that lacks it, what a launcher has made of it. */
void set_state(Table& table, const MissingRun& run, const std::string& state);

/**
 * Methods of Brevitas that scripts/compare_peers.py runs and writes result files of: the names
 * that quantization.method has there. Tables know them; run_experiment does not.
 */
const std::vector<std::string>& peer_methods();

/** `known` with the methods of peers. */
KnownNames with_peers(KnownNames known);

/** The peer's method that settings ask for. */
std::optional<std::string> peer_method(const std::vector<Setting>& settings);

}  // namespace comq
