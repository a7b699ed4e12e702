#pragma once

#include <filesystem>

#include "sweep/sweep_table.hpp"

namespace comq {

/** Writes `points` and `layers` as HDF5 groups of columns. Atomic; throws Failure. */
void write_sweep_table(const std::filesystem::path& file, const SweepTable& table);

/** Whether the file is HDF5 and holds the table of a sweep; false for what can't be read. */
bool is_sweep_table(const std::filesystem::path& file);

/** Reads what write_sweep_table wrote, of every version 1.x. Throws InputError. */
SweepTable read_sweep_table(const std::filesystem::path& file);

}  // namespace comq
