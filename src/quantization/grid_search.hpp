#pragma once

#include "quantization/grid.hpp"
#include "quantization/look_ahead.hpp"
#include "quantization/problem.hpp"
#include "quantization/quantization_config.hpp"

namespace comq {

struct GridSearchOptions {
    Granularity granularity = Granularity::per_channel;
    /** Distance of the zero points tried, up to one level from those given; 0: these alone. */
    double zero_step = 1;
    /** Every factor with every zero point; otherwise fewer factors, and the zero points only beside
     *  the best: less than half the candidates, for errors that are dear. */
    bool thorough = true;
};

/**
 * Looks for the scale and zero point with the least error, for each scale by itself or for the
 * layer as a whole, coarse to fine: the scales of `grid` are multiplied by factors from 1 to 0.3 or
 * 0.4, combined with shifts of its zero points; then half and a quarter of the factors' distance
 * around the best are tried. `grid` itself is the first candidate, so the error never rises.
 *
 * The error is eᵀHe of each channel whose weights are rounded to nearest; with groups, of each
 * group as if the others had no error.
 */
Grid search_grid(const GroupProblem& problem, const Grid& grid, const GridSearchOptions& options);

/**
 * The same by the error that look-ahead leaves with each grid, one scale a channel or layer; not
 * thorough, whatever the options say.
 */
Grid search_grid(const LookAhead& look_ahead, const Grid& grid, const GridSearchOptions& options);

}  // namespace comq
