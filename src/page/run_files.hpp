#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "points/result_files.hpp"

namespace comq {

/** A run that has not left a result (yet). */
struct UnfinishedRun {
    std::string name;    ///< what varies in it, or the name of its file
    std::string state;   ///< of point_states
    std::string detail;  ///< what it is at, or why it failed; may be empty
};

/** What the arguments of a report lead to. */
struct FoundRuns {
    std::vector<ResultFile> finished;       ///< in the order of the arguments, a file once
    std::vector<UnfinishedRun> unfinished;  ///< of sweeps and folders
};

/**
 * Finds the runs of result files, of folders and below them, and of sweeps (a .yaml file), which
 * may be running: what is unfinished is told, and a file that can't be read below a folder is
 * warned of. Throws UsageError for what is not there and where no run is finished, InputError for
 * a result file that can't be read.
 */
FoundRuns find_runs(const std::vector<std::string>& arguments);

}  // namespace comq
