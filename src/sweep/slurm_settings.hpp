#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "points/point.hpp"

namespace comq {

/**
 * Seconds of a time limit as sbatch takes it: "90" (minutes), "1:30", "1:30:00", "2-12" (days and
 * hours), "2-12:30:00". None for anything else, such as "UNLIMITED".
 */
std::optional<int64_t> slurm_seconds(const std::string& time);

/**
 * The value that the last of `options` gives to an option of sbatch, in any of its spellings:
 * "--partition=a", "--partition a", "-p a", "-pa"; empty for an option without value.
 */
std::optional<std::string> option_value(const std::vector<std::string>& options,
                                        const std::string& long_name, char short_name);

/** The partitions that tasks ask for, separated by commas, wherever they are named; none: Slurm's
 *  default. sbatch takes $SBATCH_PARTITION before what its script says. */
std::optional<std::string> partition_of(const SlurmSettings& slurm);

/** What starts the program of a point: `slurm.prefix`, else srun where there are several ranks. */
std::string run_prefix(const SlurmSettings& slurm);

/**
 * Throws UsageError for settings that can't work: a folder whose name Slurm can't be told, a lead
 * time that is not below the time limit, options of sbatch that comq sets itself, several ranks
 * that nothing starts.
 */
void check_slurm(const PointSet& set);

/**
 * `slurm.cpus`, or 4 without it, and fewer where the largest node of the partition has fewer.
 * Throws UsageError when no node has as many as are asked for: such a task would wait for ever.
 */
int slurm_cpus(const SlurmSettings& slurm);

}  // namespace comq
