#pragma once

#include "config/experiment_config.hpp"
#include "config/schema.hpp"

namespace comq {

/** The keys of the section `evaluation`. */
void add_evaluation(Schema<ExperimentConfig>& schema);

}  // namespace comq
