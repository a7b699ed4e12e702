#include "quantization/order.hpp"

#include <algorithm>
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
    // Non-negative floats compare like their bits, so one integer holds the key and its index.
    std::vector<uint64_t> keys(order.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto key = std::bit_cast<uint32_t>(norm[i] * std::fabs(weight[i]));
        keys[i] = (static_cast<uint64_t>(~key) << 32) | i;
    }
    std::sort(keys.begin(), keys.end());
    std::transform(keys.begin(), keys.end(), order.begin(),
                   [](uint64_t key) { return static_cast<int32_t>(key & 0xFFFFFFFFU); });
}

}  // namespace comq
