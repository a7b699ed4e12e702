#include "data/demo_shape.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace comq {
namespace {

// Corners as literals: std::cos may differ in its last bit between two machines.
constexpr std::array<Point, 3> triangle{{{0.0F, -1.0F}, {0.8660254F, 0.5F}, {-0.8660254F, 0.5F}}};
constexpr std::array<Point, 4> square{
    {{-0.78F, -0.78F}, {0.78F, -0.78F}, {0.78F, 0.78F}, {-0.78F, 0.78F}}};
constexpr std::array<Point, 5> pentagon{{{0.0F, -1.0F},
                                         {0.95105652F, -0.30901699F},
                                         {0.58778525F, 0.80901699F},
                                         {-0.58778525F, 0.80901699F},
                                         {-0.95105652F, -0.30901699F}}};
constexpr std::array<Point, 10> star{{{0.0F, -1.0F},
                                      {0.24687586F, -0.33979547F},
                                      {0.95105652F, -0.30901699F},
                                      {0.39945353F, 0.12979032F},
                                      {0.58778525F, 0.80901699F},
                                      {0.0F, 0.42F},
                                      {-0.58778525F, 0.80901699F},
                                      {-0.39945353F, 0.12979032F},
                                      {-0.95105652F, -0.30901699F},
                                      {-0.24687586F, -0.33979547F}}};
constexpr std::array<Point, 12> cross{{{-0.3F, -0.95F},
                                       {0.3F, -0.95F},
                                       {0.3F, -0.3F},
                                       {0.95F, -0.3F},
                                       {0.95F, 0.3F},
                                       {0.3F, 0.3F},
                                       {0.3F, 0.95F},
                                       {-0.3F, 0.95F},
                                       {-0.3F, 0.3F},
                                       {-0.95F, 0.3F},
                                       {-0.95F, -0.3F},
                                       {-0.3F, -0.3F}}};
constexpr std::array<Point, 7> arrow{{{0.0F, -1.0F},
                                      {0.85F, -0.05F},
                                      {0.3F, -0.05F},
                                      {0.3F, 0.95F},
                                      {-0.3F, 0.95F},
                                      {-0.3F, -0.05F},
                                      {-0.85F, -0.05F}}};
constexpr std::array<Point, 6> corner{{{-0.75F, -0.85F},
                                       {-0.15F, -0.85F},
                                       {-0.15F, 0.25F},
                                       {0.85F, 0.25F},
                                       {0.85F, 0.85F},
                                       {-0.75F, 0.85F}}};

float length(Point p) { return std::sqrt(p.x * p.x + p.y * p.y); }

/** Distance to the nearest edge, its sign by the parity of the edges crossed by a ray. */
float polygon_distance(std::span<const Point> corners, Point p) {
    float nearest = 1e9F;
    bool inside = false;
    Point b = corners.back();
    for (const Point a : corners) {
        const Point edge{b.x - a.x, b.y - a.y};
        const Point from{p.x - a.x, p.y - a.y};
        const float along = std::clamp(
            (from.x * edge.x + from.y * edge.y) / (edge.x * edge.x + edge.y * edge.y), 0.0F, 1.0F);
        const Point gap{from.x - along * edge.x, from.y - along * edge.y};
        nearest = std::min(nearest, gap.x * gap.x + gap.y * gap.y);
        if ((a.y > p.y) != (b.y > p.y) && from.x < edge.x * from.y / edge.y) inside = !inside;
        b = a;
    }
    return inside ? -std::sqrt(nearest) : std::sqrt(nearest);
}

}  // namespace

float signed_distance(int64_t label, Point point) {
    constexpr int64_t first_polygon = 3;
    static constexpr std::array<std::span<const Point>, 7> polygons{
        triangle, square, pentagon, star, cross, arrow, corner};
    switch (label) {
        case 0:
            return length(point) - 0.92F;
        case 1:
            return std::abs(length(point) - 0.68F) - 0.26F;
        case 2:
            return std::max(length(point) - 0.98F, 0.72F - length({point.x - 0.5F, point.y}));
        default:
            return polygon_distance(polygons[static_cast<std::size_t>(label - first_polygon)],
                                    point);
    }
}

}  // namespace comq
