#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>

#include "quantization/channel_state.hpp"

namespace comq {

/**
 * The sweep that takes channels from their float weights onto the grid. Every coordinate moves, so
 * this sweep costs more than all later ones together; it runs several channels side by side in
 * blocks: within a block of visits r is corrected for these coordinates alone, and then the block's
 * moves update all of r in one pass over the matrix's panels. Fills the codes and r.
 */
void first_sweep(const SweepMatrix& matrix, std::span<ChannelState> channels);

/** Visits in a block. Part of the arithmetic (see gram_panels.hpp), so it depends on m alone. */
constexpr int64_t first_sweep_block(int64_t in_features) { return in_features > 1536 ? 32 : 16; }

/**
 * Batches of neighbouring channels, each of which one task takes through first_sweep together.
 * Their size follows the number of threads; no result depends on it.
 */
class ChannelBatches {
  public:
    ChannelBatches(int64_t channels, int64_t in_features);
    int64_t count() const { return (channels_ + size_ - 1) / size_; }
    int64_t first(int64_t batch) const { return batch * size_; }
    int64_t end(int64_t batch) const { return std::min(channels_, first(batch) + size_); }
    /** Calls body for every batch, in parallel. */
    void run(const std::function<void(int64_t batch)>& body) const;

  private:
    int64_t channels_;
    int64_t size_;
};

}  // namespace comq
