#include "quantization/order.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

#include "core/check.hpp"
#include "quantization/problem.hpp"

namespace comq {

namespace {

/** Sorts by the 16 bits from `shift` on: a radix sort in two passes. */
void sort_nearly(std::vector<uint64_t>& keys, int shift) {
    std::vector<uint64_t> sorted(keys.size());
    std::array<std::array<uint32_t, 256>, 2> ends{};
    const auto digit = [shift](uint64_t key, int pass) {
        return (key >> (shift + 8 * pass)) & 0xFF;
    };
    for (const uint64_t key : keys) {
        ++ends[0][digit(key, 0)];
        ++ends[1][digit(key, 1)];
    }
    for (int pass = 0; pass < 2; ++pass) {
        std::exclusive_scan(ends[pass].begin(), ends[pass].end(), ends[pass].begin(), uint32_t{0});
        for (const uint64_t key : keys) sorted[ends[pass][digit(key, pass)]++] = key;
        keys.swap(sorted);
    }
}

/** Finishes the sort of keys that are in order but for the bits sort_nearly left out. */
void insert_each(std::vector<uint64_t>& keys) {
    const std::size_t patience = 16 * keys.size();
    std::size_t moves = 0;
    for (std::size_t i = 1; i < keys.size(); ++i) {
        const uint64_t key = keys[i];
        std::size_t j = i;
        for (; j > 0 && keys[j - 1] > key; --j) keys[j] = keys[j - 1];
        keys[j] = key;
        moves += i - j;
        if (moves > patience) {  // most of them share those bits
            std::ranges::sort(keys);
            return;
        }
    }
}

}  // namespace

std::vector<float> order_norms(const GroupProblem& problem) {
    if (!problem.column_norm.empty()) return problem.column_norm;
    std::vector<float> norm;
    norm.reserve(static_cast<std::size_t>(problem.in_features()));
    for (int64_t i = 0; i < problem.in_features(); ++i) {
        norm.push_back(static_cast<float>(std::sqrt(std::max(problem.gram(i, i), 0.0))));
    }
    return norm;
}

std::vector<int32_t> cyclic_order(int64_t in_features) {
    std::vector<int32_t> order(static_cast<std::size_t>(in_features));
    std::iota(order.begin(), order.end(), 0);
    return order;
}

std::vector<int32_t> greedy_order(std::span<const float> norm, std::span<const float> weight) {
    // Non-negative floats compare like their bits; complemented, ascending keys are descending
    // floats. With its index behind it no two keys are equal, and ties keep the lower index first.
    const std::size_t m = norm.size();
    COMQ_CHECK(weight.size() == m);
    std::vector<uint64_t> keys(m);
    uint32_t differing = 0;
    const auto bits_of = [&](std::size_t i) {
        return ~std::bit_cast<uint32_t>(norm[i] * std::fabs(weight[i]));
    };
    for (std::size_t i = 0; i < m; ++i) {
        const uint32_t bits = bits_of(i);
        differing |= bits ^ bits_of(0);
        keys[i] = (static_cast<uint64_t>(bits) << 32) | i;
    }
    sort_nearly(keys, 32 + std::max(static_cast<int>(std::bit_width(differing)) - 16, 0));
    insert_each(keys);
    std::vector<int32_t> order(m);
    std::ranges::transform(keys, order.begin(),
                           [](uint64_t key) { return static_cast<int32_t>(key); });
    return order;
}

std::vector<int32_t> shared_order(std::span<const float> norm, MatrixView<const float> weight) {
    COMQ_CHECK(weight.cols == std::ssize(norm));
    std::vector<double> squares(norm.size(), 0.0);
    for (int64_t j = 0; j < weight.rows; ++j) {
        const float* row = weight.row(j);
        for (std::size_t i = 0; i < squares.size(); ++i) {
            squares[i] += static_cast<double>(row[i]) * static_cast<double>(row[i]);
        }
    }
    std::vector<float> weight_norm;
    for (const double square : squares)
        weight_norm.push_back(static_cast<float>(std::sqrt(square)));
    return greedy_order(norm, weight_norm);
}

std::vector<int32_t> channel_order(Order order, const GroupProblem& problem,
                                   std::span<const float> norm, int64_t channel) {
    if (order == Order::cyclic) return cyclic_order(problem.in_features());
    if (order == Order::shared) return shared_order(norm, problem.weight);
    return greedy_order(norm, {problem.weight.row(channel), norm.size()});
}

}  // namespace comq
