#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "sweep/launch_points.hpp"

namespace comq {

/** What a last job found, and whether it had points submitted again. */
struct FinishedSweep {
    std::vector<PointStatus> statuses;
    Launched retried;  ///< no points: none was to be tried again, or all retries are used up
};

/**
 * Submits the points that were killed (PointStatus::killed) again, while `attempt`, which counts
 * from 0, is below `slurm.retries`: to begin after `slurm.backoff` seconds, twice as many with each
 * attempt.
 */
FinishedSweep retry_killed(const PointSet& set, int attempt, const std::filesystem::path& program,
                           const std::atomic<bool>& stop);

/** Writes `summary.json` into the set's folder: what sweep_json has, what was tried again, `files`
 *  that the last job has made, wall clock and core hours. Returns it. */
nlohmann::ordered_json write_summary(const PointSet& set, const FinishedSweep& finished,
                                     int attempt, const std::vector<std::string>& files);

/** The same in words: the counts, a line for each point that is not finished, time, files. */
std::string summary_text(const PointSet& set, const nlohmann::ordered_json& summary);

}  // namespace comq
