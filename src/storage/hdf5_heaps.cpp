#include "storage/hdf5_heaps.hpp"

#include <cstdint>
#include <cstring>
#include <set>

namespace comq {

namespace {

constexpr std::string_view heap_mark{"GCOL\1\0\0\0", 8};  // with its version
constexpr std::size_t heap_header = 16;                   // the mark and the size
constexpr std::size_t object_header = 16;                 // index, references, four zeros, size

template <typename Number>
Number number_at(std::string_view bytes, std::size_t at) {
    Number number = 0;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    return number;
}

/** `heap`: from its mark to the end of the file. */
bool is_whole(std::string_view heap) {
    if (heap.size() < heap_header) return false;
    const auto size = number_at<uint64_t>(heap, heap_mark.size());
    if (size < heap_header || size > heap.size()) return false;
    heap = heap.substr(heap_header, size - heap_header);
    std::set<uint16_t> seen;
    while (heap.size() >= object_header) {
        const auto index = number_at<uint16_t>(heap, 0);
        const auto zeros = number_at<uint32_t>(heap, 4);
        const auto length = number_at<uint64_t>(heap, 8);
        // Object 0 is the free space at the end, and counts its header.
        if (index == 0) return length == heap.size();
        const std::size_t room = heap.size() - object_header;
        if (zeros != 0 || length > room || !seen.insert(index).second) return false;
        const std::size_t padded = (length + 7) / 8 * 8;
        if (padded > room) return false;
        heap.remove_prefix(object_header + padded);
    }
    return true;
}

}  // namespace

bool heaps_are_whole(std::string_view file) {
    // Of the superblock, whose later versions are shorter.
    constexpr std::size_t version_at = 8, lengths_at = 14, lengths_at_since_2 = 10;
    if (file.size() <= lengths_at) return true;
    const auto lengths = file[file[version_at] < 2 ? lengths_at : lengths_at_since_2];
    if (lengths != sizeof(uint64_t)) return true;
    for (auto at = file.find(heap_mark); at != std::string_view::npos;
         at = file.find(heap_mark, at + heap_mark.size())) {
        if (!is_whole(file.substr(at))) return false;
    }
    return true;
}

}  // namespace comq
