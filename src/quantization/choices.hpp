#pragma once

#include "config/experiment_config.hpp"
#include "quantization/grid.hpp"
#include "quantization/problem.hpp"
#include "quantization/start.hpp"

namespace comq {

/** The grid a config names: min-max with its granularity and scalar, or searched from there. */
Grid choose_grid(const QuantizationConfig& config, const GroupProblem& problem);
/** The same with `grid` in the place of the min-max grid. */
Grid choose_grid(const QuantizationConfig& config, const GroupProblem& problem, const Grid& grid);

/** The start a config names. */
Start choose_start(const QuantizationConfig& config, const GroupProblem& problem, const Grid& grid);

}  // namespace comq
