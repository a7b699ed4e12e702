#pragma once

#include <limits>
#include <span>

namespace comq {

/** A number found from a sample, and its standard error; NaN: the sample is too small. */
struct Estimate {
    double value = std::numeric_limits<double>::quiet_NaN();
    double standard_error = std::numeric_limits<double>::quiet_NaN();
};

/** s/√n for the error. */
Estimate mean_of(std::span<const double> values);

/**
 * The value that a `share` in (0, 1) of the sample does not exceed. Its error is half the distance
 * of the values whose ranks are √(n·share·(1 − share)) lower and higher (Woodruff 1952).
 */
Estimate quantile_of(std::span<const double> values, double share);

/** Its error is that of the jackknife: (n − 1)/n of the distance to the second largest. */
Estimate largest_of(std::span<const double> values);

}  // namespace comq
