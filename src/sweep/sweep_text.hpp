#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "points/point_status.hpp"

namespace comq {

/** "24 points: 12 finished, 2 running, 1 failed, 9 waiting" */
std::string count_line(const std::vector<PointStatus>& statuses);

/**
 * Seconds until what is queued or running has ended, if as many points run at a time as now, each
 * as long as the finished ones on average; not_measured where none runs or none is finished. Where
 * one runs that is no Slurm task, run_sweep is at work, which comes to those that wait, too.
 */
double seconds_left(const std::vector<PointStatus>& statuses);

/** count_line() with that: "...; about 12 min left". */
std::string summary_line(const std::vector<PointStatus>& statuses);

/** "finished  ID bits=4  Top-1 91.20 ± 0.63, 12 s": a point on its own. */
std::string point_line(const Point& point, const PointStatus& status);

/** A table with a line a point: id, what varies, state, Top-1, time, detail. */
std::string status_table(const PointSet& sweep, const std::vector<PointStatus>& statuses);

/** The lines of that table for `points` only, with its heading first. */
std::vector<std::string> status_lines(const PointSet& sweep,
                                      const std::vector<PointStatus>& statuses,
                                      const std::vector<std::size_t>& points);

/**
 * A sweep and its points for programs, as `sweep_status --json` prints them: name, folder, how many
 * points are in each state, and of each point its id, label, state, result file, the values of what
 * varies, accuracy, time, how far the stage of a running point is, and the Slurm task, log and
 * reason of what is not finished. Null: unknown.
 */
nlohmann::ordered_json sweep_json(const PointSet& sweep, const std::vector<PointStatus>& statuses);

}  // namespace comq
