#include "accuracy/estimate.hpp"

#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/random.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("a mean has the error s/√n, which one value does not tell") {
    const std::array<double, 4> values{1, 2, 3, 6};
    CHECK(mean_of(values).value == 3);
    CHECK(mean_of(values).standard_error == Approx(std::sqrt(14.0 / 3 / 4)));
    CHECK(mean_of({values.data(), 1}).value == 1);
    CHECK(std::isnan(mean_of({values.data(), 1}).standard_error));
    CHECK(std::isnan(mean_of({}).value));
}

TEST_CASE("a quantile is a value of the sample, in any order") {
    std::vector<double> values(100);
    std::iota(values.rbegin(), values.rend(), 1.0);
    CHECK(quantile_of(values, 0.5).value == 50);
    CHECK(quantile_of(values, 0.95).value == 95);
    CHECK(quantile_of(values, 0.5).standard_error == 5);  // ranks 50 ± 5
    CHECK(std::isnan(quantile_of({}, 0.5).value));
    const std::array<double, 1> one{7};
    CHECK(quantile_of(one, 0.95).value == 7);
    CHECK(largest_of(one).value == 7);
    CHECK(std::isnan(largest_of(one).standard_error));
}

TEST_CASE("errors of quantiles are those that other samples show") {
    constexpr std::size_t images = 500, samples = 400;
    for (const double share : {0.5, 0.95}) {
        double sum = 0, squares = 0, claimed = 0;
        for (std::size_t sample = 0; sample < samples; ++sample) {
            const auto draws = RandomStream(sample, "estimate");
            std::vector<double> values(images);
            // Exponentially distributed, as skewed as divergences are.
            for (std::size_t i = 0; i < images; ++i) values[i] = -std::log1p(-draws.uniform(i));
            const Estimate quantile = quantile_of(values, share);
            sum += quantile.value;
            squares += quantile.value * quantile.value;
            claimed += quantile.standard_error;
        }
        const double mean = sum / samples;
        CHECK(mean == Approx(-std::log1p(-share)).epsilon(0.02));
        const double spread = std::sqrt(squares / samples - mean * mean);
        CHECK(claimed / samples == Approx(spread).epsilon(0.15));
    }
}
