#include "report/compare_runs.hpp"

#include <cmath>
#include <vector>

#include "support/catch.hpp"

using namespace comq;

namespace {

/** `both` images right under both, then those that only one classifies rightly. */
McNemarTest test_of(int both, int only_first, int only_second, int neither) {
    std::vector<uint8_t> first;
    std::vector<uint8_t> second;
    const auto add = [&](int count, uint8_t a, uint8_t b) {
        first.insert(first.end(), static_cast<std::size_t>(count), a);
        second.insert(second.end(), static_cast<std::size_t>(count), b);
    };
    add(both, 1, 1);
    add(only_first, 1, 0);
    add(only_second, 0, 1);
    add(neither, 0, 0);
    return mcnemar_test(first, second);
}

/** Two-sided p by Pascal's triangle, exact in fp64 for small n. */
double brute_force_p(int fewer, int discordant) {
    double sum = 0;
    double choose = 1;
    for (int i = 0; i <= fewer; ++i) {
        sum += choose;
        choose = choose * (discordant - i) / (i + 1);
    }
    return std::min(1.0, 2 * sum / std::pow(2.0, discordant));
}

}  // namespace

TEST_CASE("McNemar's exact p equals the sum of binomial coefficients") {
    for (int n = 1; n <= 40; ++n) {
        for (int fewer = 0; 2 * fewer <= n; ++fewer) {
            // lgamma is good to a few 1e-15 of values near 110, hence 1e-12.
            CHECK(test_of(3, fewer, n - fewer, 5).p_value ==
                  Approx(brute_force_p(fewer, n)).epsilon(1e-12));
            CHECK(test_of(3, n - fewer, fewer, 5).p_value ==
                  Approx(brute_force_p(fewer, n)).epsilon(1e-12));
        }
    }
}

TEST_CASE("McNemar's test counts, and its standard error is that of paired differences") {
    const McNemarTest test = test_of(50, 20, 10, 20);
    CHECK(test.images == 100);
    CHECK(test.only_first_right == 20);
    CHECK(test.only_second_right == 10);
    CHECK(test.difference == Approx(-10));
    // Differences are −1 (20 times), +1 (10 times) and 0: variance 0.3 − 0.01.
    CHECK(test.standard_error == Approx(100 * std::sqrt(0.29 / 100)));
}

TEST_CASE("McNemar's test of classifiers that agree, and of many images") {
    CHECK(test_of(7, 0, 0, 3).p_value == 1);
    CHECK(test_of(0, 0, 0, 0).p_value == 1);
    // Normal approximation with continuity correction: z = (|b − c| − 1) / sqrt(b + c) = 4.4945.
    CHECK(test_of(40000, 4800, 5242, 0).p_value ==
          Approx(std::erfc(4.4006 / std::sqrt(2.0))).epsilon(0.02));
}
