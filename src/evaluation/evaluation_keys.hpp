#pragma once

#include <string>
#include <vector>

#include "config/schema.hpp"
#include "evaluation/evaluation_config.hpp"

namespace comq {

/** The keys of the section `evaluation`; `layouts` are those that sets may have. */
Schema<EvaluationConfig, RunKey> evaluation_keys(const std::vector<std::string>& layouts);

}  // namespace comq
