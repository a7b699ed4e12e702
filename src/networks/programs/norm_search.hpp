#pragma once

#include <memory>
#include <string>

#include "networks/programs/graph_facts.hpp"
#include "networks/programs/program_layers.hpp"

namespace comq {

/** A norm that a node is. */
struct FoundNorm {
    std::string name;
    ValueId parameter = -1;  ///< of its weight, or of its running mean where it has none
    std::unique_ptr<WatchedCall> call;
    WatchedForm form;
    std::string unusable;  ///< why repairs can't have it, where `call` is null
};

/** Whether the node is a norm of any kind. */
bool is_norm(const Node& node);

/** The norm that `node`, which is one, calls. */
FoundNorm find_norm(const GraphFacts& facts, const Node& node);

}  // namespace comq
