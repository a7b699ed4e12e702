#include "quantization/order.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

#include "quantization/problem.hpp"

namespace comq {

std::vector<float> order_norms(const GroupProblem& problem) {
    if (!problem.column_norm.empty()) return problem.column_norm;
    std::vector<float> norm;
    norm.reserve(static_cast<std::size_t>(problem.in_features()));
    for (int64_t i = 0; i < problem.in_features(); ++i) {
        norm.push_back(static_cast<float>(std::sqrt(std::max(problem.gram(i, i), 0.0))));
    }
    return norm;
}

void cyclic_order(std::span<int32_t> order) { std::iota(order.begin(), order.end(), 0); }

void greedy_order(std::span<const float> norm, std::span<const float> weight,
                  std::span<int32_t> order) {
    // Non-negative floats compare like their bits; complemented, ascending keys are descending
    // floats. A radix sort by bytes is stable, so ties keep the lower index first.
    struct Entry {
        uint32_t key;
        int32_t index;
    };
    const std::size_t m = order.size();
    std::vector<Entry> entries(m);
    std::vector<Entry> sorted(m);
    std::array<std::array<std::size_t, 256>, 4> counts{};
    for (std::size_t i = 0; i < m; ++i) {
        const uint32_t key = ~std::bit_cast<uint32_t>(norm[i] * std::fabs(weight[i]));
        entries[i] = {key, static_cast<int32_t>(i)};
        for (std::size_t byte = 0; byte < 4; ++byte) ++counts[byte][(key >> (8 * byte)) & 0xFF];
    }
    for (std::size_t byte = 0; byte < 4; ++byte) {
        std::exclusive_scan(counts[byte].begin(), counts[byte].end(), counts[byte].begin(),
                            std::size_t{0});
        for (const Entry& entry : entries) {
            sorted[counts[byte][(entry.key >> (8 * byte)) & 0xFF]++] = entry;
        }
        entries.swap(sorted);
    }
    std::transform(entries.begin(), entries.end(), order.begin(),
                   [](const Entry& entry) { return entry.index; });
}

void shared_order(std::span<const float> norm, MatrixView<const float> weight,
                  std::span<int32_t> order) {
    std::vector<double> squares(order.size(), 0.0);
    for (int64_t j = 0; j < weight.rows; ++j) {
        const float* row = weight.row(j);
        for (std::size_t i = 0; i < squares.size(); ++i) {
            squares[i] += static_cast<double>(row[i]) * static_cast<double>(row[i]);
        }
    }
    std::vector<float> weight_norm;
    for (const double square : squares)
        weight_norm.push_back(static_cast<float>(std::sqrt(square)));
    greedy_order(norm, weight_norm, order);
}

std::vector<int32_t> channel_order(Order order, const GroupProblem& problem,
                                   std::span<const float> norm, int64_t channel) {
    std::vector<int32_t> visits(norm.size());
    switch (order) {
        case Order::cyclic:
            cyclic_order(visits);
            break;
        case Order::shared:
            shared_order(norm, problem.weight, visits);
            break;
        case Order::greedy:
        case Order::greedy_dynamic:
            greedy_order(norm, {problem.weight.row(channel), norm.size()}, visits);
            break;
    }
    return visits;
}

}  // namespace comq
