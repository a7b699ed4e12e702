#include "core/aligned_memory.hpp"

#include <sys/mman.h>

#include <new>

namespace comq {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t smallest_on_huge_pages = 2 * huge_page;

std::align_val_t alignment_of(std::size_t bytes) {
    return std::align_val_t{bytes >= smallest_on_huge_pages ? huge_page : 64};
}

}  // namespace

void* allocate_aligned(std::size_t bytes) {
    void* memory = ::operator new(bytes, alignment_of(bytes));
#ifdef MADV_HUGEPAGE
    // Advice: where it is not taken, pages stay small.
    if (bytes >= smallest_on_huge_pages) {
        madvise(memory, bytes / huge_page * huge_page, MADV_HUGEPAGE);
    }
#endif
    return memory;
}

void free_aligned(void* memory, std::size_t bytes) {
    ::operator delete(memory, alignment_of(bytes));
}

}  // namespace comq
