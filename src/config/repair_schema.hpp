#pragma once

#include "config/experiment_config.hpp"
#include "config/schema.hpp"

namespace comq {

/** Declares the keys of the section `repair`. */
void add_repair(Schema<ExperimentConfig>& schema);

}  // namespace comq
