#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "points/point_status.hpp"

namespace comq {

/**
 * A sweep and its points for programs, as `sweep_status --json` prints them: name, folder, how many
 * points are in each state, and of each point its id, label, state, result file, the values of what
 * varies, accuracy, time, and the Slurm task, log and reason of what is not finished. Null:
 * unknown.
 */
nlohmann::ordered_json sweep_json(const PointSet& sweep, const std::vector<PointStatus>& statuses);

}  // namespace comq
