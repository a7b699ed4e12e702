#pragma once

#include "config/schema.hpp"
#include "evaluation/evaluation_config.hpp"

namespace comq {

/** The keys of the section `evaluation`. */
Schema<EvaluationConfig, RunKey> evaluation_keys();

}  // namespace comq
