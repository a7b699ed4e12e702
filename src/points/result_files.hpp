#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "config/config_values.hpp"
#include "results/run_record.hpp"

namespace comq {

/** A finished run as tables need it. */
struct ResultFile {
    std::filesystem::path path;
    RunRecord run;        ///< without codes, parameters and what is recorded for each image
    ConfigValues values;  ///< of the resolved config, by dotted key
    std::string evaluation_images;   ///< digest of their ids and labels
    std::string calibration_images;  ///< digest of their ids

    /** Digest of the images of a set; of `evaluation_images` where it is empty. */
    std::string images_of(const std::string& set) const;
    /** Of a key in `values`; empty where it has none. */
    std::string value(const std::string& key) const;
};

struct ResultFolder {
    std::vector<ResultFile> files;      ///< complete runs, sorted by path
    std::vector<std::string> warnings;  ///< a line for each file that was passed over
};

/** What happens to a folder or a result file that can't be read. */
enum class Unreadable { refuse, pass_over };

/**
 * Reads every HDF5 file in `folders` and below them, links followed, whatever its name; folders
 * that are missing hold nothing, and HDF5 files that are no runs are left alone, as is what a run
 * has not written to its end. Throws InputError for a folder that can't be searched and for a file
 * that looks like a result and can't be read (corrupt, cut, of a later schema), unless they are to
 * be passed over.
 */
ResultFolder find_results(const std::vector<std::filesystem::path>& folders, Unreadable unreadable);

/** Adds the results among `files` to `found`; a file that was moved away meanwhile holds none. */
void add_results(const std::set<std::filesystem::path>& files, Unreadable unreadable,
                 ResultFolder& found);

ResultFile read_result(const std::filesystem::path& file);

}  // namespace comq
