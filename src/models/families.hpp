#pragma once

#include <vector>

#include "models/registry.hpp"

namespace comq {

/** The registry's entries, one line a member, grouped by kind of network. */
void add_transformers(std::vector<ModelDescription>& registry);
void add_cnns(std::vector<ModelDescription>& registry);

}  // namespace comq
