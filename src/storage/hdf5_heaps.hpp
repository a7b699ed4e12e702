#pragma once

#include <string_view>

namespace comq {

/**
 * Whether the objects of every global heap of an HDF5 file, which hold its texts, lie inside their
 * heap: HDF5 copies as much as an object says it has. True of files whose lengths are not 64 bits
 * wide, as only old programs write them.
 */
bool heaps_are_whole(std::string_view file);

}  // namespace comq
