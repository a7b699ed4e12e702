#pragma once

#include "config/experiment_config.hpp"
#include "config/schema.hpp"

namespace comq {

/** Declares the keys of the section `activations`. */
void add_activations(Schema<ExperimentConfig>& schema);

}  // namespace comq
