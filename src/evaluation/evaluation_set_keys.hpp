#pragma once

#include <string>
#include <vector>

#include "config/value_types.hpp"
#include "evaluation/evaluation_config.hpp"

namespace comq {

/**
 * The list of `evaluation.sets`. Of `data` a set has the keys that affect evaluation images. A
 * problem is a name twice or that of the main set, a set without images, and a key that its layout
 * does not read.
 */
ValueType<std::vector<EvaluationSet>> evaluation_sets(const std::vector<std::string>& layouts);

}  // namespace comq
