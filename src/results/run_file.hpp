#pragma once

#include <filesystem>

#include "results/run_record.hpp"

namespace comq {

/** Version of the files that this program writes; results/README.md documents it. */
inline constexpr const char* run_schema_version = "1.6";

/**
 * Writes a run as HDF5, schema 1. Atomic: `file` holds the old content or the whole new one; its
 * folder is created. The file is composed in memory. Throws Failure naming the file and the cause.
 */
void write_run_file(const std::filesystem::path& file, const RunRecord& run);

enum class ReadScope {
    /// What figures.hpp needs of layers and stages, images by name, and where the run comes from.
    figures,
    summary,  ///< without codes and parameters, which are most of the bytes
    everything,
};

/**
 * Reads files of every schema 1.x; what a later minor version adds is ignored. Throws UsageError
 * when there is no such file and for the table that a sweep was collected into, and InputError, one
 * line that names the file and the object, when the file is no HDF5 file, was cut, misses something
 * that schema 1.0 promises, disagrees with itself, or is of a later major version.
 */
RunRecord read_run_file(const std::filesystem::path& file, ReadScope scope);

}  // namespace comq
