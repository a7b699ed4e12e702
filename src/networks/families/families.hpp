#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "networks/registry.hpp"

namespace comq {

/** The registry's entries, one line a member, grouped by kind of network. */
void add_transformers(std::vector<ModelDescription>& registry);
void add_cnns(std::vector<ModelDescription>& registry);

/** The entry of a network of the embedded demo set: 32×32 pictures, 10 classes. */
ModelDescription demo_model(std::string name, std::string family,
                            std::function<std::shared_ptr<Network>()> factory);

}  // namespace comq
