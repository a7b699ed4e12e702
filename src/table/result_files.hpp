#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "results/run_record.hpp"

namespace comq {

/** A finished run as tables need it. */
struct ResultFile {
    std::filesystem::path path;
    RunRecord run;  ///< without codes, parameters and what is recorded for each image
    std::map<std::string, std::string> values;  ///< of the resolved config, by dotted key
    std::string evaluation_images;              ///< digest of their ids and labels
    std::string calibration_images;             ///< digest of their ids
};

struct ResultFolder {
    std::vector<ResultFile> files;      ///< complete runs, sorted by path
    std::vector<std::string> warnings;  ///< a line for each file that was passed over
};

/** What happens to a result file that can't be read. */
enum class Unreadable { refuse, pass_over };

/**
 * Reads every HDF5 file in `folders` and below them, whatever its name; folders that are missing
 * hold nothing, and HDF5 files that are no runs are left alone. Throws InputError for a file that
 * looks like a result and can't be read (corrupt, cut, of a later schema), unless it is to be
 * passed over.
 */
ResultFolder find_results(const std::vector<std::filesystem::path>& folders, Unreadable unreadable);

ResultFile read_result(const std::filesystem::path& file);

}  // namespace comq
