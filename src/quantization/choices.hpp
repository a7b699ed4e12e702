#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "quantization/grid.hpp"
#include "quantization/grid_search.hpp"
#include "quantization/problem.hpp"
#include "quantization/quantization_config.hpp"
#include "quantization/start.hpp"

namespace comq {

/** The min-max grid of a config's granularity, symmetry and scalar. */
Grid unsearched_grid(const QuantizationConfig& config, const GroupProblem& problem);

/** The grid a config names: `unsearched`, or searched from there. */
Grid choose_grid(const QuantizationConfig& config, const GroupProblem& problem,
                 const Grid& unsearched);
inline Grid choose_grid(const QuantizationConfig& config, const GroupProblem& problem) {
    return choose_grid(config, problem, unsearched_grid(config, problem));
}

GridSearchOptions grid_search_options(const QuantizationConfig& config);

/** Whether the grid is chosen by the layer error, from the statistics; else by the weights. */
bool searches_grid(const QuantizationConfig& config);

/** Whether closed-form scale updates choose zero points, too. */
bool fits_zero_points(const QuantizationConfig& config);

/** The start a config names; not one that is another method's. */
Start choose_start(const QuantizationConfig& config, const GroupProblem& problem, const Grid& grid);

/** Throws UsageError for a start that only learned rounding has: MethodEntry::check of the others.
 */
void check_descent_start(const QuantizationConfig& config);

/** The keys of `quantization` that choose_grid reads, and further ones. */
std::vector<std::string> grid_keys(std::initializer_list<std::string> further = {});

}  // namespace comq
