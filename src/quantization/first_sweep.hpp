#pragma once

#include <cstdint>
#include <span>

#include "quantization/channel_state.hpp"

namespace comq {

/**
 * The sweep that takes channels from their float weights onto the grid. Every coordinate moves, so
 * this sweep costs more than all later ones together; it runs several channels side by side in
 * blocks: within a block of visits r is corrected for these coordinates alone, and then the block's
 * moves update all of r in one pass over the Gram's panels.
 */
void first_sweep(const DescentContext& context, std::span<ChannelState> channels);

/** Visits in a block. Part of the arithmetic (see gram_panels.hpp), so it depends on m alone. */
constexpr int64_t first_sweep_block(int64_t in_features) { return in_features > 1536 ? 32 : 16; }

}  // namespace comq
