#pragma once

#include <string>
#include <vector>

#include "config/schema.hpp"
#include "networks/model_config.hpp"

namespace comq {

/** The keys of the section `model`; `models` are the names it may have, any if empty. */
Schema<ModelConfig, RunKey> model_keys(const std::vector<std::string>& models);

}  // namespace comq
