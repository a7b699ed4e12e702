#pragma once

#include <cstdint>

#include "core/simd.hpp"

namespace comq {

// Sums that do not depend on the order of their addends: each is split into a multiple of 2^-12
// and a remainder rounded to a multiple of 2^-50, and both parts are summed in fp64 (error-free
// pre-rounding, as in Demmel and Nguyen, "Parallel reproducible summation", 2015). The sums are
// exact while an entry stays below 2^41 and fewer than 2^15 addends use the full remainder range;
// beyond that the total is still correct to fp64 rounding. An addend below 2^-27 in magnitude is
// rounded by at most 2^-51.

// Adding and subtracting 1.5 · 2^52 · q rounds a double to the nearest multiple of q.
inline constexpr double round_to_coarse = 0x1.8p40;  // q = 2^-12
inline constexpr double round_to_fine = 0x1.8p2;     // q = 2^-50

/** Adds `count` addends to the coarse and the fine parts of as many sums. */
inline void add_split(const float* addend, double* coarse, double* fine, int64_t count) {
    run_vectorized([=](auto) {
        for (int64_t j = 0; j < count; ++j) {
            const double value = addend[j];
            const double high = (value + round_to_coarse) - round_to_coarse;
            const double low = ((value - high) + round_to_fine) - round_to_fine;
            coarse[j] += high;
            fine[j] += low;
        }
    });
}

}  // namespace comq
