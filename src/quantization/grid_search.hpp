#pragma once

#include "config/experiment_config.hpp"
#include "quantization/grid.hpp"
#include "quantization/problem.hpp"

namespace comq {

/**
 * Looks for the scale and zero point whose rounded weights give the least output error eᵀHe, for
 * each channel or for the layer as a whole. Scales of `grid` are multiplied by 1, 0.9, …, 0.3, each
 * with the zero point of `grid` and those beside it, and then the factors 0.05 and 0.025 around the
 * best are tried. `grid` itself is the first candidate, so the error of rounding never rises.
 */
Grid search_grid(const GroupProblem& problem, const Grid& grid, Granularity granularity);

}  // namespace comq
