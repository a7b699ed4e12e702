#pragma once

#include <cstdint>

#include "core/random.hpp"
#include "image/rgb_image.hpp"

namespace comq {

inline constexpr int demo_image_size = 32;

/**
 * Draws one image of the demo set, `[32, 32, 3]`: shape `label` with random place, size,
 * tilt, stretch, colours and texture, over a darker textured background, among small distracting
 * shapes, partly hidden by bars, under uneven light and noise. A pure function of its arguments,
 * the same bits on every IEEE machine.
 */
RgbImage draw_demo_image(const RandomStream& stream, int64_t label);

}  // namespace comq
