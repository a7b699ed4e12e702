#include "statistics/gram_accumulator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/random.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** Symmetric fp32 contributions whose entries spread over twelve orders of magnitude. */
std::vector<Matrix<float>> contributions(int64_t order, int64_t count) {
    const RandomStream stream(5, "contributions");
    std::vector<Matrix<float>> all;
    for (int64_t k = 0; k < count; ++k) {
        Matrix<float> addend(order, order);
        for (int64_t i = 0; i < order * order; ++i) {
            const auto counter = static_cast<uint64_t>(k * order * order + i);
            const double magnitude = std::pow(10.0, 12.0 * stream.uniform(counter) - 6.0);
            addend.data()[i] = static_cast<float>(stream.normal(counter) * magnitude);
        }
        all.push_back(std::move(addend));
    }
    return all;
}

PackedTriangle sum_in_order(const std::vector<Matrix<float>>& addends,
                            const std::vector<int64_t>& order) {
    GramAccumulator accumulator(addends.front().rows());
    for (const auto k : order) accumulator.add_rows(0, addends[static_cast<std::size_t>(k)].view());
    return accumulator.take().front();
}

}  // namespace

TEST_CASE("the sum of Gram contributions has the same bits in every order") {
    const auto addends = contributions(7, 300);
    std::vector<int64_t> order(addends.size());
    std::iota(order.begin(), order.end(), 0);
    const auto forward = sum_in_order(addends, order);
    for (uint64_t seed = 0; seed < 20; ++seed) {
        const auto shuffled = RandomStream(seed, "order").permutation(300);
        CHECK(std::ranges::equal(sum_in_order(addends, shuffled).values(), forward.values()));
    }
}

TEST_CASE("the sum of Gram contributions loses no digits of its addends") {
    const auto addends = contributions(7, 300);
    std::vector<int64_t> order(addends.size());
    std::iota(order.begin(), order.end(), 0);
    const auto sum = sum_in_order(addends, order);
    for (int64_t i = 0; i < 7; ++i) {
        for (int64_t j = 0; j <= i; ++j) {
            long double exact = 0.0L;
            for (const auto& addend : addends) exact += static_cast<long double>(addend(i, j));
            // 300 remainders rounded by 2^-51 each, and one fp64 rounding of the total.
            const auto bound = 300 * 0x1p-51 + std::abs(static_cast<double>(exact)) * 0x1p-53;
            CHECK(std::abs(sum.row(i)[j] - static_cast<double>(exact)) <= bound);
        }
    }
}

TEST_CASE("rows may be added in bands") {
    const auto addend = contributions(9, 1).front();
    GramAccumulator whole(9), banded(9);
    whole.add_rows(0, addend.view());
    banded.add_rows(4, {addend.row(4), 5, 9});
    banded.add_rows(0, {addend.data(), 4, 4, 9});
    CHECK(std::ranges::equal(whole.take()[0].values(), banded.take()[0].values()));
}

TEST_CASE("blocks and packed triangles add up to the whole in every group") {
    const auto addends = contributions(5, 2);
    GramAccumulator whole(5), blocks(5, 2), triangles(5, 2);
    whole.add_rows(0, addends[1].view());
    const auto block_of_both = [&](int64_t row, int64_t col, int64_t rows, int64_t cols) {
        std::vector<float> values;
        for (const auto& addend : addends) {
            for (int64_t i = 0; i < rows; ++i) {
                for (int64_t j = 0; j < cols; ++j) values.push_back(addend(row + i, col + j));
            }
        }
        blocks.add_blocks(row, col, rows, cols, values.data());
    };
    block_of_both(0, 0, 2, 2);
    block_of_both(2, 0, 3, 2);
    block_of_both(2, 2, 3, 3);
    std::vector<float> packed;
    for (int64_t i = 0; i < 5; ++i) {
        for (int64_t j = 0; j <= i; ++j) packed.push_back(addends[1](i, j));
    }
    triangles.add_triangles(1, 1, packed.data());
    const auto expected = whole.take()[0];
    CHECK(std::ranges::equal(blocks.take()[1].values(), expected.values()));
    CHECK(std::ranges::equal(triangles.take()[1].values(), expected.values()));
}

TEST_CASE("a NaN or infinite contribution is noticed") {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        Matrix<float> addend(3, 3);
        addend(1, 1) = bad;
        GramAccumulator accumulator(3);
        CHECK(accumulator.finite());
        accumulator.add_rows(0, addend.view());
        CHECK_FALSE(accumulator.finite());
    }
}

TEST_CASE("a packed triangle unpacks to a symmetric matrix") {
    PackedTriangle triangle(3);
    std::iota(triangle.values().begin(), triangle.values().end(), 1.0);
    const auto full = triangle.unpacked();
    CHECK(full(2, 0) == 4.0);
    CHECK(full(0, 2) == 4.0);
    CHECK(full(1, 1) == 3.0);
}
