#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/file_reader.hpp"

namespace comq {

/** A file inside an archive. */
struct TarMember {
    std::string name;     ///< relative path, without "." and ".."
    uint64_t offset = 0;  ///< of its first byte in the outermost archive
    uint64_t size = 0;
    bool operator==(const TarMember&) const = default;
};

/**
 * The files that unpacking the archive in bytes [begin, end) of `file` would give, in the archive's
 * order: POSIX ustar and pax, GNU long names and base-256 sizes, the old V7 form. Of members with
 * one name the last counts; hard and symbolic links are the file that they lead to. Folders,
 * devices and links to nothing are left out, unless such a link is named like an image.
 * Throws InputError naming file and byte for a damaged header, an archive cut short, a compressed
 * one, a link to a folder with files, and a sparse or dangling image.
 */
std::vector<TarMember> read_tar_members(const RandomAccessFile& file, uint64_t begin, uint64_t end);

}  // namespace comq
