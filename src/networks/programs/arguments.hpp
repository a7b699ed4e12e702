#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "networks/programs/graph.hpp"

namespace comq {

/** Values that earlier nodes have made, by the names that the archive gives them. */
using ValueNames = std::map<std::string, ValueId>;

/**
 * Sets the arguments of `node` from the JSON `inputs` of a node, in the order of its operator's
 * schema, defaults filled in, constants as the schema's types want them. Throws InputError that
 * says what does not fit.
 */
void read_arguments(const nlohmann::json& inputs, const ProgramGraph& graph,
                    const ValueNames& names, Node& node);

}  // namespace comq
