#include "report/mcnemar.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"

namespace comq {

namespace {

/** P(B ≤ k) for B ~ Binomial(n, ½); in logarithms, since 2^-n underflows for a large n. */
double binomial_half_below(int64_t k, int64_t n) {
    const auto log_factorial = [](int64_t i) { return std::lgamma(static_cast<double>(i) + 1); };
    double sum = 0;
    for (int64_t i = 0; i <= k; ++i) {
        sum += std::exp(log_factorial(n) - log_factorial(i) - log_factorial(n - i) -
                        static_cast<double>(n) * std::log(2.0));
    }
    return sum;
}

}  // namespace

McNemarTest mcnemar_test(std::span<const uint8_t> first, std::span<const uint8_t> second) {
    COMQ_CHECK(first.size() == second.size());
    McNemarTest test;
    test.images = static_cast<int64_t>(first.size());
    for (std::size_t i = 0; i < first.size(); ++i) {
        test.only_first_right += first[i] != 0 && second[i] == 0;
        test.only_second_right += first[i] == 0 && second[i] != 0;
    }
    const int64_t discordant = test.only_first_right + test.only_second_right;
    if (discordant == 0) return test;
    const auto n = static_cast<double>(test.images);
    const double mean = static_cast<double>(test.only_second_right - test.only_first_right) / n;
    test.difference = 100 * mean;
    test.standard_error = 100 * std::sqrt((static_cast<double>(discordant) / n - mean * mean) / n);
    const int64_t fewer = std::min(test.only_first_right, test.only_second_right);
    test.p_value = std::min(1.0, 2 * binomial_half_below(fewer, discordant));
    return test;
}

}  // namespace comq
