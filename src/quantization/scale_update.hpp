#pragma once

#include <span>

#include "quantization/channel_state.hpp"

namespace comq {

/** Numerator and denominator of the closed-form scale δ = cᵀHw / cᵀHc, c = q + z. */
struct ScaleSums {
    double numerator = 0;
    double denominator = 0;
};

/** Sums of a channel with one scale, in the units of the problem's weights. */
ScaleSums scale_sums(const ChannelState& channel);

/** The minimiser of the sums, or the old δ where it is not a positive number. */
float minimising_scale(float scale, const ScaleSums& sums);

/** Gives a channel with one scale a new one, and r what follows from it. */
void rescale(ChannelState& channel, float scale);

/**
 * Minimises the error over the channel's scales in closed form: over its one scale, where the
 * options say so together with its zero point, or over one group after the other. Returns whether
 * any level moved.
 */
bool minimise_scales(const DescentContext& context, ChannelState& channel);

}  // namespace comq
