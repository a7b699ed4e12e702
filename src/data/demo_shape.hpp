#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace comq {

struct Point {
    float x = 0.0F;
    float y = 0.0F;
};

/** The classes of the demo set, in the order of their labels. */
inline constexpr std::array<std::string_view, 10> demo_class_names{
    "disk",     "ring", "crescent", "triangle", "square",
    "pentagon", "star", "cross",    "arrow",    "corner"};

/**
 * Signed distance of `point` to the outline of shape `label`, negative inside. The shape is
 * centred and reaches to radius 1. Uses only IEEE-exact operations (no libm but sqrt).
 */
float signed_distance(int64_t label, Point point);

}  // namespace comq
