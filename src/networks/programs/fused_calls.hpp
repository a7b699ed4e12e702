#pragma once

#include "torch_bridge/torch.hpp"

#include <ATen/core/stack.h>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "networks/fused.hpp"
#include "networks/prepared_weight.hpp"
#include "networks/programs/cut_points.hpp"
#include "networks/programs/graph.hpp"

namespace comq {

/** A product and what follows it alone, which one kernel can compute. */
struct FusedChain {
    std::vector<std::size_t> nodes;   ///< the product first
    std::optional<std::size_t> norm;  ///< aten.batch_norm with running statistics
    std::optional<ValueId> addend;    ///< what aten.add adds, known before the product
    Activation activation = Activation::none;
    /** Null where the graph computes the weight. */
    std::shared_ptr<PreparedWeight> prepared;
};

/**
 * The chains of aten.linear and aten.conv2d by their first node; all nodes of one run in the same
 * stretch, and no value between them is asked for by others.
 */
std::map<std::size_t, FusedChain> find_fused_chains(const ProgramGraph& graph,
                                                    const std::vector<Stretch>& stretches);

/**
 * Has the graph work on tensors whose channels of a pixel lie side by side: a view becomes what
 * copies where no view is. Returns whether that can be: nothing writes to memory that others see,
 * and no operator asks how tensors lie.
 */
bool allow_any_layout(ProgramGraph& graph);

/**
 * The product or attention `node`, whose arguments are on `stack`, by fused_linear,
 * fused_convolution or fused_attention; its result is left there. Returns false, with the stack
 * untouched, for other operators and where fused kernels take no such input. `any_layout`: what
 * allow_any_layout said.
 */
bool call_fused(const Node& node, torch::jit::Stack& stack, bool any_layout);

/** The same for a chain, whose product's arguments are on `stack`; values are in `frame`. */
bool call_fused_chain(const ProgramGraph& graph, const FusedChain& chain, const Frame& frame,
                      torch::jit::Stack& stack);

}  // namespace comq
