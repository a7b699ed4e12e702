#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "points/point_status.hpp"

namespace comq {

/** What the tasks of an array need. */
struct TaskEstimate {
    int64_t memory_bytes = 0;       ///< of the point that needs most
    double longest = not_measured;  ///< seconds of a point
    double all = not_measured;      ///< seconds of all points, one after the other
    std::size_t measured = 0;       ///< finished points that the seconds come from; 0: none
};

/**
 * What `run_experiment --dry-run` expects of the chosen points with `cpus` threads; each kind of
 * point is asked for once, and bits and seeds make none. Where points of the set are finished,
 * seconds are theirs: they know this machine and what comes from the cache. Throws Failure with the
 * program's own words where it can't say.
 */
TaskEstimate estimate_points(const PointSet& set, const std::vector<std::size_t>& chosen,
                             const std::vector<PointStatus>& statuses,
                             const std::filesystem::path& program, int cpus);

/** The word that asks for the estimate in `slurm.time` and `slurm.memory`. */
inline constexpr const char* by_estimate = "estimate";

bool asks_for_estimate(const SlurmSettings& slurm);

/** The settings with the estimate, times `slurm.estimate_factor`, where that is asked for. */
SlurmSettings with_estimate(SlurmSettings slurm, const TaskEstimate& estimate);

/** What an array asks Slurm for, and needs: tasks, points, memory, core hours. Lines. */
std::string task_summary(const PointSet& set, std::size_t points, int cpus,
                         const TaskEstimate& estimate);

}  // namespace comq
