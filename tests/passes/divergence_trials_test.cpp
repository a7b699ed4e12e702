#include "passes/divergence_trials.hpp"

#include <cmath>
#include <random>

#include "support/catch.hpp"

using namespace comq;

namespace {

/** Divergences of `count` images; those of a trial are theirs and some difference. */
struct Images {
    std::vector<double> least;
    std::vector<double> trial;

    Images(std::size_t count, double shift, double spread, unsigned seed) {
        std::mt19937 generator(seed);
        std::lognormal_distribution<double> divergence(0.0, 1.0);
        std::normal_distribution<double> difference(shift, spread);
        for (std::size_t i = 0; i < count; ++i) {
            least.push_back(divergence(generator));
            trial.push_back(least.back() + difference(generator));
        }
    }
};

/** By the definition: two standard errors of the first `count` differences. */
bool clearly_worse(const Images& images, std::size_t count) {
    double mean = 0.0, variance = 0.0;
    const auto n = static_cast<double>(count);
    for (std::size_t i = 0; i < count; ++i) mean += (images.trial[i] - images.least[i]) / n;
    for (std::size_t i = 0; i < count; ++i) {
        const double off = images.trial[i] - images.least[i] - mean;
        variance += off * off / (n - 1);
    }
    return mean > 2 * std::sqrt(variance / n);
}

}  // namespace

TEST_CASE("a trial has lost at the first look at which its differences are clear") {
    std::size_t early = 0, late = 0, never = 0;
    for (unsigned seed = 0; seed < 60; ++seed) {
        const Images images(64, 0.3, 1.0, seed);
        std::optional<std::size_t> expected;
        for (std::size_t count = 16; count < 64 && !expected; count += 8) {
            if (clearly_worse(images, count)) expected = count;
        }
        const auto found = worse_after(images.trial, images.least);
        CHECK(found == expected);
        if (!expected) {
            ++never;
            continue;
        }
        ++(*expected == 16 ? early : late);
        // Seen in parts, it ends where it would have.
        const auto part = std::span(images.trial);
        CHECK_FALSE(worse_after(part.first(*expected - 1), images.least));
        CHECK(worse_after(part.first(*expected), images.least) == expected);
    }
    CHECK(early > 0);
    CHECK(late > 0);
    CHECK(never > 0);
}

TEST_CASE("a trial that wins, ties or is judged by few images is seen whole") {
    const Images wins(64, -0.5, 0.1, 1);
    CHECK_FALSE(worse_after(wins.trial, wins.least));
    CHECK_FALSE(worse_after(wins.least, wins.least));
    const Images few(16, 0.5, 0.1, 2);
    CHECK_FALSE(worse_after(few.trial, few.least));
    const Images enough(17, 0.5, 0.1, 2);
    CHECK(worse_after(enough.trial, enough.least) == 16U);
    Images broken(64, 0.5, 0.1, 3);
    broken.trial[2] = std::nan("");
    CHECK_FALSE(worse_after(broken.trial, broken.least));
}
