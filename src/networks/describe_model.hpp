#pragma once

#include <memory>

#include "networks/model_config.hpp"
#include "networks/registry.hpp"

namespace comq {

/**
 * The network of a config: a member of the registry, as its checkpoint has it where that is there
 * (open_model), or the program of an archive; with the preprocessing that the config gives in place
 * of the publisher's. Throws as open_model; UsageError for preprocessing that neither the config
 * nor the archive gives, InputError for an archive that can't be read.
 */
std::shared_ptr<const ModelDescription> describe_model(const ModelConfig& config);

}  // namespace comq
