#include "core/simd.hpp"

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("A kernel gives the same bits on every vector unit") {
    std::vector<double> a, b;
    for (int i = 0; i < 103; ++i) {
        a.push_back(1.0 / (i + 3));
        b.push_back(1.0 / (7 * i + 1));
    }
    const auto products = [&](VectorUnit on) {
        std::vector<double> sums(8, 0.1);
        run_on(on, [&](auto) {
            // From an odd place on: no alignment is asked for.
            for (std::size_t i = 1; i + 4 <= a.size(); i += 4) {
                vector_at<4>(&sums[i % 5]) += vector_at<4>(&a[i]) * vector_at<4>(&b[i]);
            }
        });
        return sums;
    };
    std::vector<double> expected(8, 0.1);
    for (std::size_t i = 1; i + 4 <= a.size(); i += 4) {
        for (std::size_t l = 0; l < 4; ++l) expected[i % 5 + l] += a[i + l] * b[i + l];
    }
    for (const VectorUnit unit : vector_units()) CHECK(products(unit) == expected);
}

TEST_CASE("A kernel knows the unit it runs on") {
    for (const VectorUnit unit : vector_units()) {
        CHECK(run_on(unit, [](auto on) { return on.value; }) == unit);
    }
    CHECK(run_vectorized([](auto on) { return on.value; }) == vector_units().front());
    CHECK(vector_units().back() == VectorUnit::portable);
}
