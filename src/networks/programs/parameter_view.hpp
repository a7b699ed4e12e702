#pragma once

#include "torch_bridge/torch.hpp"

#include <cstddef>
#include <optional>
#include <vector>

#include "networks/programs/graph_facts.hpp"

namespace comq {

/** A parameter as a node reads it: itself, or a transposed or reshaped view of all of it. */
struct ParameterView {
    ValueId parameter;
    std::vector<std::size_t> nodes;  ///< that make the view of it, in order
    torch::Tensor tensor;            ///< in the parameter's memory
};

/** Nothing when `value` is computed from parameters, or has but a part of one. */
std::optional<ParameterView> view_of_parameter(const GraphFacts& facts, ValueId value);

}  // namespace comq
