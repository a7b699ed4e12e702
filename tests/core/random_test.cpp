#include "core/random.hpp"
#include "core/hash.hpp"

#include <algorithm>
#include <set>

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("hash functions equal their published values") {
    // The first output of splitmix64 seeded with 0, and FNV's own test vectors.
    CHECK(splitmix64(0) == 0xE220A8397B1DCDAFULL);
    CHECK(fnv1a64("") == 0xCBF29CE484222325ULL);
    CHECK(fnv1a64("a") == 0xAF63DC4C8601EC8CULL);
}

TEST_CASE("a draw depends on seed, stream and counter only") {
    const RandomStream stream(1, "calibration");
    CHECK(stream.bits(7) == RandomStream(1, "calibration").bits(7));
    CHECK(stream.bits(7) != stream.bits(8));
    CHECK(stream.bits(7) != RandomStream(2, "calibration").bits(7));
    CHECK(stream.bits(7) != RandomStream(1, "evaluation").bits(7));
    CHECK(stream.child("a").bits(7) != stream.child("b").bits(7));
}

TEST_CASE("uniform and normal draws have the right moments") {
    const RandomStream stream(3, "moments");
    double mean = 0.0, normal_mean = 0.0, normal_square = 0.0;
    constexpr int n = 100'000;
    for (uint64_t i = 0; i < n; ++i) {
        const double u = stream.uniform(i);
        REQUIRE((u >= 0.0 && u < 1.0));
        const double z = stream.normal(i);
        mean += u / n;
        normal_mean += z / n;
        normal_square += z * z / n;
    }
    // Five standard errors of the means.
    CHECK(mean == Approx(0.5).margin(5 * 0.289 / 316));
    CHECK(normal_mean == Approx(0.0).margin(5.0 / 316));
    CHECK(normal_square == Approx(1.0).margin(5 * 1.414 / 316));
}

TEST_CASE("choose draws distinct ascending indices and every index is likely alike") {
    std::vector<int> times(10, 0);
    for (uint64_t seed = 0; seed < 2000; ++seed) {
        const auto chosen = RandomStream(seed, "choose").choose(10, 4);
        REQUIRE(std::is_sorted(chosen.begin(), chosen.end()));
        REQUIRE(std::set<int64_t>(chosen.begin(), chosen.end()).size() == 4);
        for (const auto i : chosen) ++times.at(static_cast<std::size_t>(i));
    }
    // Binomial(2000, 0.4): standard deviation 22.
    for (const int t : times) CHECK(t == Approx(800).margin(5 * 22));
}
