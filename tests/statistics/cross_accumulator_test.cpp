#include "statistics/cross_accumulator.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/random.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

constexpr int64_t rows = 3;
constexpr int64_t cols = 5;
constexpr int64_t groups = 2;
constexpr int64_t size = groups * rows * cols;

/** Addends of very different sizes and either sign. */
std::vector<std::vector<float>> addends(int64_t count) {
    const RandomStream stream(5, "addends");
    std::vector<std::vector<float>> all;
    for (int64_t k = 0; k < count; ++k) {
        std::vector<float> products(size);
        for (int64_t i = 0; i < size; ++i) {
            const auto draw = stream.normal(static_cast<uint64_t>(k * size + i));
            products[static_cast<std::size_t>(i)] =
                static_cast<float>(draw * std::pow(10.0, k % 9 - 4));
        }
        all.push_back(std::move(products));
    }
    return all;
}

}  // namespace

TEST_CASE("a cross moment is the sum of its addends, the same bits in any order and on threads") {
    auto all = addends(200);
    CrossAccumulator forwards(rows, cols, groups);
    for (const auto& products : all) forwards.add(products.data());
    CHECK(forwards.finite());
    const auto total = forwards.take();
    REQUIRE(total.size() == groups);
    for (int64_t i = 0; i < size; ++i) {
        long double exact = 0.0;
        for (const auto& products : all) exact += products[static_cast<std::size_t>(i)];
        const auto& group = total[static_cast<std::size_t>(i / (rows * cols))];
        CHECK(group.data()[i % (rows * cols)] ==
              Approx(static_cast<double>(exact)).epsilon(1e-12).margin(1e-12));
    }

    std::ranges::reverse(all);
    CrossAccumulator threaded(rows, cols, groups);
    tbb::parallel_for(std::size_t{0}, all.size(),
                      [&](std::size_t k) { threaded.add(all[k].data()); });
    const auto other = threaded.take();
    for (std::size_t g = 0; g < total.size(); ++g) {
        CHECK(std::equal(total[g].data(), total[g].data() + rows * cols, other[g].data()));
    }
}

TEST_CASE("a cross moment with a NaN or an infinite entry is not finite") {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        CrossAccumulator sums(rows, cols, groups);
        std::vector<float> products(size, 1.0F);
        products[7] = bad;
        sums.add(products.data());
        CHECK_FALSE(sums.finite());
    }
}
