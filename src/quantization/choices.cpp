#include "quantization/choices.hpp"

#include "core/errors.hpp"
#include "quantization/grid_search.hpp"
#include "quantization/look_ahead.hpp"

namespace comq {
namespace {

double zero_step(const QuantizationConfig& config) {
    if (config.zero_point == ZeroPoint::real) return 0.0;
    return config.zero_point == ZeroPoint::half ? 0.5 : 1.0;
}

}  // namespace

Grid unsearched_grid(const QuantizationConfig& config, const GroupProblem& problem) {
    return minmax_grid(config.granularity, problem.weight, problem.bits, config.scalar,
                       {config.symmetric, zero_step(config)},
                       scale_groups(problem.in_features(), config.group_size));
}

GridSearchOptions grid_search_options(const QuantizationConfig& config) {
    if (config.symmetric) return {config.granularity, 0.0};
    return {config.granularity, config.zero_point == ZeroPoint::whole ? 1.0 : 0.5};
}

Grid choose_grid(const QuantizationConfig& config, const GroupProblem& problem,
                 const Grid& unsearched) {
    if (!searches_grid(config)) return unsearched;
    const GridSearchOptions options = grid_search_options(config);
    return config.grid == GridChoice::look_ahead && unsearched.groups == 1
               ? search_grid(LookAhead(problem, {}), unsearched, options)
               : search_grid(problem, unsearched, options);
}

bool searches_grid(const QuantizationConfig& config) {
    return config.grid == GridChoice::searched || config.grid == GridChoice::look_ahead;
}

bool fits_zero_points(const QuantizationConfig& config) {
    return config.zero_point == ZeroPoint::real && !config.symmetric;
}

void check_descent_start(const QuantizationConfig& config) {
    if (config.start != StartChoice::comq_plus) return;
    throw UsageError(
        "quantization.start=comq_plus is one of quantization.method=adaround; {} begins with "
        "another",
        config.method);
}

std::vector<std::string> grid_keys(std::initializer_list<std::string> further) {
    std::vector<std::string> keys{"granularity", "group_size", "symmetric",
                                  "zero_point",  "grid",       "scalar"};
    keys.insert(keys.end(), further);
    return keys;
}

Start choose_start(const QuantizationConfig& config, const GroupProblem& problem,
                   const Grid& grid) {
    if (config.start == StartChoice::rtn) return rtn_start(problem.weight, grid);
    if (config.start == StartChoice::look_ahead) return look_ahead_start(problem, grid, {});
    return float_start();
}

}  // namespace comq
