#pragma once

#include <cstddef>

namespace comq {

/**
 * Memory that begins on a cache line, as vector loads like it. Blocks of some MiB, a Gram in which
 * rows are read in a random order, lie on huge pages where the system has them: with pages of 4 KiB
 * a quarter of the solver's time would go to finding where they are. Throws std::bad_alloc.
 */
void* allocate_aligned(std::size_t bytes);
/** `bytes`: as it was allocated. */
void free_aligned(void* memory, std::size_t bytes);

}  // namespace comq
