#include "data/demo_image.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/check.hpp"
#include "data/demo_shape.hpp"

namespace comq {
namespace {

constexpr int size = demo_image_size;

using Color = std::array<float, 3>;  // 0 to 1

/** Draws of one image in the order of the program. */
class Draws {
  public:
    explicit Draws(const RandomStream& stream) : stream_(stream) {}

    float uniform(float low, float high) {
        return low + (high - low) * static_cast<float>(stream_.uniform(next_++));
    }
    int64_t below(int64_t bound) {
        return static_cast<int64_t>(stream_.below(next_++, static_cast<uint64_t>(bound)));
    }
    bool chance(float probability) { return uniform(0.0F, 1.0F) < probability; }

    /** A unit vector, by rejection: sines of libm are not the same bits everywhere. */
    Point direction() {
        for (;;) {
            const Point p{uniform(-1.0F, 1.0F), uniform(-1.0F, 1.0F)};
            const float square = p.x * p.x + p.y * p.y;
            if (square > 0.01F && square <= 1.0F) {
                const float length = std::sqrt(square);
                return {p.x / length, p.y / length};
            }
        }
    }
    /** A unit vector within about `2·spread` radians of (1, 0), by the half-angle formula. */
    Point tilt(float spread) {
        const float t = uniform(-spread, spread);
        return {(1.0F - t * t) / (1.0F + t * t), 2.0F * t / (1.0F + t * t)};
    }
    Color color() { return {uniform(0.0F, 1.0F), uniform(0.0F, 1.0F), uniform(0.0F, 1.0F)}; }

    /** Mean 0, variance 1/3: the sum of four uniforms in (−1/2, 1/2), from one draw. */
    float noise() {
        const uint64_t bits = stream_.bits(next_++);
        const uint64_t sum =
            (bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) + ((bits >> 32) & 0xFFFF) + (bits >> 48);
        return (static_cast<float>(sum) - 131070.0F) * 0x1.0p-16F;
    }

  private:
    const RandomStream& stream_;
    uint64_t next_ = 0;
};

Color mix(const Color& a, const Color& b, float amount) {
    Color mixed;
    for (std::size_t c = 0; c < 3; ++c) mixed[c] = a[c] + (b[c] - a[c]) * amount;
    return mixed;
}

float brightness(const Color& color) { return color[0] + color[1] + color[2]; }

/** Position to rotated, stretched and scaled coordinates around a centre. */
struct Frame {
    Point centre;
    Point axis;  ///< unit vector
    float along = 1.0F;
    float across = 1.0F;

    Point local(Point p) const {
        const Point d{p.x - centre.x, p.y - centre.y};
        return {(d.x * axis.x + d.y * axis.y) / along, (d.y * axis.x - d.x * axis.y) / across};
    }
};

/** Two colours mixed by a pattern over the image. */
class Texture {
  public:
    Texture(Draws& draws, const Color& first, const Color& second)
        : kind_(draws.below(4)), first_(first), second_(second) {
        frame_.centre = {draws.uniform(0.0F, size), draws.uniform(0.0F, size)};
        frame_.axis = draws.direction();
        frame_.along = draws.uniform(3.0F, 9.0F);
        frame_.across = frame_.along * draws.uniform(0.7F, 1.4F);
        for (float& value : lattice_) value = draws.uniform(0.0F, 1.0F);
    }

    Color at(Point p) const {
        const Point q = frame_.local(p);
        switch (kind_) {
            case 0:  // a gradient across the image
                return mix(first_, second_, std::clamp(0.5F + 0.15F * q.x, 0.0F, 1.0F));
            case 1:  // stripes
                return mix(first_, second_, wave(q.x));
            case 2: {  // checks
                const float a = wave(q.x), b = wave(q.y);
                return mix(first_, second_, a + b - 2.0F * a * b);
            }
            default:  // clouds
                return mix(first_, second_, clouds(p));
        }
    }

  private:
    /** A smoothed triangle wave of period 1 between 0 and 1. */
    static float wave(float x) {
        const float t = std::abs(2.0F * (x - std::floor(x)) - 1.0F);
        return t * t * (3.0F - 2.0F * t);
    }

    /** Random values 6 pixels apart, interpolated. */
    float clouds(Point p) const {
        const float x = p.x / 6.0F, y = p.y / 6.0F;
        const int column = static_cast<int>(x), row = static_cast<int>(y);
        const float fx = x - static_cast<float>(column), fy = y - static_cast<float>(row);
        const float* v = &lattice_[static_cast<std::size_t>(row * cells + column)];
        const float top = v[0] + (v[1] - v[0]) * fx;
        const float bottom = v[cells] + (v[cells + 1] - v[cells]) * fx;
        return top + (bottom - top) * fy;
    }

    static constexpr int cells = 7;
    int64_t kind_;
    Color first_;
    Color second_;
    Frame frame_;
    std::array<float, cells * cells> lattice_{};
};

class Canvas {
  public:
    /** Blends `color(point)` over the image where `distance(point)`, in pixels, is negative. */
    template <typename Distance, typename Fill>
    void paint(const Distance& distance, const Fill& color) {
        for (int y = 0; y < size; ++y) {
            for (int x = 0; x < size; ++x) {
                const Point p{static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F};
                const float coverage = std::clamp(0.5F - distance(p), 0.0F, 1.0F);
                if (coverage > 0.0F) at(x, y) = mix(at(x, y), color(p), coverage);
            }
        }
    }
    Color& at(int x, int y) { return pixels_[static_cast<std::size_t>(y * size + x)]; }

  private:
    std::array<Color, size * size> pixels_{};
};

void paint_shape(Canvas& canvas, int64_t label, const Frame& frame, const auto& color) {
    const float scale = std::min(frame.along, frame.across);
    const float reach = std::max(frame.along, frame.across) + 1.0F;
    canvas.paint(
        [&](Point p) {
            const Point d{p.x - frame.centre.x, p.y - frame.centre.y};
            if (d.x * d.x + d.y * d.y > reach * reach) return 1.0F;
            return scale * signed_distance(label, frame.local(p));
        },
        color);
}

void paint_distractors(Draws& draws, Canvas& canvas, float difficulty) {
    const int64_t count = draws.below(2 + static_cast<int64_t>(5.0F * difficulty));
    for (int64_t i = 0; i < count; ++i) {
        const int64_t label = draws.below(static_cast<int64_t>(demo_class_names.size()));
        const float radius = draws.uniform(1.8F, 3.6F);
        const Frame frame{{draws.uniform(0.0F, size), draws.uniform(0.0F, size)},
                          draws.direction(),
                          radius,
                          radius};
        const Color color = draws.color();
        paint_shape(canvas, label, frame, [&](Point) { return color; });
    }
}

/** A thin bar through a point near `frame`'s shape. */
void paint_bar(Draws& draws, Canvas& canvas, const Frame& frame) {
    const Point away = draws.direction();
    const float offset = frame.along * draws.uniform(0.0F, 0.9F);
    const Point through{frame.centre.x + offset * away.x, frame.centre.y + offset * away.y};
    const Point normal = draws.direction();
    const float half_width = draws.uniform(0.5F, 1.6F);
    const Color color = draws.color();
    canvas.paint(
        [&](Point p) {
            return std::abs((p.x - through.x) * normal.x + (p.y - through.y) * normal.y) -
                   half_width;
        },
        [&](Point) { return color; });
}

RgbImage exposed(Draws& draws, Canvas& canvas, float difficulty) {
    const Point light = draws.direction();
    const float slope = draws.uniform(0.0F, 0.012F);
    const float gain = draws.uniform(0.75F, 1.15F);
    const float noise = 0.02F + 0.3F * difficulty;
    RgbImage image{size, size, std::vector<uint8_t>(std::size_t{3} * size * size)};
    for (int y = 0; y < size; ++y) {
        uint8_t* out = image.row(y);
        for (int x = 0; x < size; ++x) {
            const float shade = gain * (1.0F + slope * ((static_cast<float>(x) - 15.5F) * light.x +
                                                        (static_cast<float>(y) - 15.5F) * light.y));
            for (const float value : canvas.at(x, y)) {
                const float level = 255.0F * (value * shade + noise * draws.noise());
                *out++ = static_cast<uint8_t>(std::clamp(level, 0.0F, 255.0F) + 0.5F);
            }
        }
    }
    return image;
}

}  // namespace

RgbImage draw_demo_image(const RandomStream& stream, int64_t label) {
    COMQ_CHECK(label >= 0 && label < std::ssize(demo_class_names));
    Draws draws(stream);
    Canvas canvas;
    // Squared: most images are plain, so that learning starts at once, and a tail is hard.
    const float share = draws.uniform(0.0F, 1.0F);
    const float difficulty = share * share;

    const Color ground = mix(Color{}, draws.color(), 0.6F);
    const Texture background(draws, ground, mix(ground, draws.color(), 0.6F * difficulty));
    canvas.paint([](Point) { return -1.0F; }, [&](Point p) { return background.at(p); });
    paint_distractors(draws, canvas, difficulty);

    const float radius = draws.uniform(8.0F, 12.5F);
    const float stretch = draws.uniform(0.8F, 1.0F);
    const float room = 0.5F * (15.0F - radius);
    const Point centre{16.0F + draws.uniform(-room, room), 16.0F + draws.uniform(-room, room)};
    const Frame frame{centre, draws.tilt(0.1F), radius, radius * stretch};
    Color paint = draws.color();
    while (brightness(paint) - brightness(ground) < 1.1F - 0.4F * difficulty) paint = draws.color();
    const Texture fill(draws, paint, mix(paint, draws.color(), 0.5F * difficulty));
    paint_shape(canvas, label, frame, [&](Point p) { return fill.at(p); });

    const int64_t bars = draws.below(1 + static_cast<int64_t>(3.0F * difficulty));
    for (int64_t i = 0; i < bars; ++i) paint_bar(draws, canvas, frame);
    return exposed(draws, canvas, difficulty);
}

}  // namespace comq
