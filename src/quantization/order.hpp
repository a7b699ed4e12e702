#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/matrix.hpp"
#include "quantization/quantization_config.hpp"

namespace comq {

struct GroupProblem;

/** √H_ii of the problem, or its own column norms where it has some: the key of greedy orders. */
std::vector<float> order_norms(const GroupProblem& problem);

/** 0, …, m − 1. */
std::vector<int32_t> cyclic_order(int64_t in_features);

/**
 * The order in which the greedy rule visits one channel, fixed before the first sweep:
 * ‖x_i‖·|w_i| descending, computed in fp32 as the authors do; ties keep the lower index first.
 * Spans of length m.
 */
std::vector<int32_t> greedy_order(std::span<const float> norm, std::span<const float> weight);

/**
 * One order for all channels of `weight` [n, m]: ‖x_i‖·‖w_·i‖ descending, what an input
 * contributes to the whole layer; ties keep the lower index first.
 */
std::vector<int32_t> shared_order(std::span<const float> norm, MatrixView<const float> weight);

/** Order of the first visits to one channel of the problem, `norm` being its order_norms. */
std::vector<int32_t> channel_order(Order order, const GroupProblem& problem,
                                   std::span<const float> norm, int64_t channel);

}  // namespace comq
