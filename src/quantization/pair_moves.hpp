#pragma once

#include <cstdint>

#include "quantization/channel_state.hpp"

namespace comq {

/**
 * One sweep over pairs of a channel in which no single coordinate can move to advantage: each
 * coordinate in turn steps to a neighbouring level together with that partner's step which lowers
 * eᵀHe most, if any does. Costs O(m²). Returns the number of pairs that moved.
 */
int64_t sweep_pairs(const DescentContext& context, ChannelState& channel);

}  // namespace comq
