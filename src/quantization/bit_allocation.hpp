#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace comq {

inline constexpr int least_bits = 2;
inline constexpr int most_bits = 8;

/** A number for each width from least_bits to most_bits. */
using ByBits = std::array<double, most_bits - least_bits + 1>;

/** A layer whose width is to be chosen. */
struct BitCandidate {
    int64_t weights;  ///< codes that the width counts for
    ByBits loss;      ///< what the layer adds to the sum at each width
};

/**
 * The width of each layer, so that the sum of losses is least while all codes together take at
 * most `budget` bits. Exact dynamic programming over the bits spent beyond least_bits, in units of
 * the greatest common divisor of the layers' weights; where that takes more than 50,000 units, in
 * units of a 50,000th of the budget, each layer's cost rounded up: the budget is kept, and the sum
 * is the least for a budget smaller by at most a unit a layer. Equal sums: fewer bits.
 *
 * Empty when even least_bits for all exceed the budget.
 */
std::vector<int> allocate_bits(std::span<const BitCandidate> layers, int64_t budget);

/**
 * Losses at every width from those `measured` at `bits` (ascending, at least one), linear in their
 * logarithm between them: a bit less multiplies a squared error by nearly the same factor at each
 * step. Beyond them the factor is 4, that of a step half as large. A loss of 0 counts as the
 * smallest positive one.
 */
ByBits interpolate_losses(std::span<const int> bits, std::span<const double> measured);

}  // namespace comq
