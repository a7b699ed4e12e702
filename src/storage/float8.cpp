#include "storage/float8.hpp"

#include <array>
#include <cmath>
#include <limits>

namespace comq {
namespace {

struct Layout {
    int exponent_bits;
    int mantissa_bits;
    bool has_infinity;
};

Layout layout_of(Float8 format) {
    return format == Float8::e4m3fn ? Layout{4, 3, false} : Layout{5, 2, true};
}

float value_of(unsigned code, const Layout& layout) {
    const unsigned mantissa = code & ((1U << layout.mantissa_bits) - 1);
    const unsigned largest = (1U << layout.exponent_bits) - 1;
    const unsigned exponent = (code >> layout.mantissa_bits) & largest;
    const float sign = (code & 0x80U) != 0 ? -1.0F : 1.0F;
    const bool all_ones = mantissa == (1U << layout.mantissa_bits) - 1;
    if (exponent == largest && (layout.has_infinity || all_ones)) {
        const bool infinite = layout.has_infinity && mantissa == 0;
        return infinite ? sign * std::numeric_limits<float>::infinity()
                        : std::numeric_limits<float>::quiet_NaN();
    }
    // Numbers below the least exponent have no leading one.
    const unsigned leading = exponent > 0 ? 1U << layout.mantissa_bits : 0U;
    const int bias = (1 << (layout.exponent_bits - 1)) - 1;
    const int power = static_cast<int>(exponent > 0 ? exponent : 1U) - bias - layout.mantissa_bits;
    return sign * std::ldexp(static_cast<float>(leading + mantissa), power);
}

}  // namespace

std::optional<Float8> float8_named(std::string_view name) {
    if (name == "F8_E4M3" || name == "float8_e4m3fn") return Float8::e4m3fn;
    if (name == "F8_E5M2" || name == "float8_e5m2") return Float8::e5m2;
    return std::nullopt;
}

HostTensor widened(Float8 format, std::vector<int64_t> shape, std::span<const std::byte> codes) {
    std::array<float, 256> table{};
    const Layout layout = layout_of(format);
    for (unsigned code = 0; code < table.size(); ++code) table[code] = value_of(code, layout);
    std::vector<float> values;
    values.reserve(codes.size());
    for (const std::byte code : codes) values.push_back(table[std::to_integer<std::size_t>(code)]);
    return HostTensor::copy_of<float>(DType::f32, std::move(shape), values);
}

}  // namespace comq
