#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

namespace comq {

/**
 * A seal is the SHA-256 of a file's content as text behind that content, where HDF5 and its other
 * readers do not look. Who changes the file with another program breaks it, or cuts it off.
 */
enum class Seal {
    none,    ///< another program wrote the file, or has cut the seal off
    intact,  ///< the content is what was written
    broken,  ///< it is not
};

/** Bytes of every seal. */
std::size_t seal_length();

/** Appends the seal of `content`. */
void seal(std::vector<std::byte>& content);

/** Reads the whole file. Throws InputError naming it when it can't be read. */
Seal check_seal(const std::filesystem::path& file);

}  // namespace comq
