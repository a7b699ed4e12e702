#pragma once

#include <nlohmann/json.hpp>

#include "report/compare_runs.hpp"

namespace comq {

/** A comparison for programs: what describe_comparison() says, and every layer. */
nlohmann::ordered_json comparison_json(const RunComparison& comparison);

}  // namespace comq
