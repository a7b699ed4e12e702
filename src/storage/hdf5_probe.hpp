#pragma once

#include <hdf5.h>

#include <filesystem>

namespace comq {

/**
 * Reads all of a file in a process of its own, because HDF5 (1.10) crashes on some damaged ones,
 * and takes any memory or time for others. Throws InputError naming the file where it did. What
 * HDF5 refuses by itself is left to who reads it. `access` are properties of the file's opening.
 * The caller has a Hdf5Guard.
 */
void probe_hdf5(const std::filesystem::path& file, hid_t access);

}  // namespace comq
