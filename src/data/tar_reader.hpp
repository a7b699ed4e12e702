#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/file_reader.hpp"

namespace comq {

/** A regular file inside an archive. */
struct TarMember {
    std::string name;
    uint64_t offset = 0;  ///< of its first byte in the outermost archive
    uint64_t size = 0;
    bool operator==(const TarMember&) const = default;
};

/**
 * The regular files of the archive in bytes [begin, end) of `file`, in the archive's order: POSIX
 * ustar and pax, GNU long names and base-256 sizes, the old V7 form. Links, folders and devices are
 * left out. Throws InputError naming file and byte for a damaged header or an archive cut short.
 */
std::vector<TarMember> read_tar_members(const RandomAccessFile& file, uint64_t begin, uint64_t end);

}  // namespace comq
