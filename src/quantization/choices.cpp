#include "quantization/choices.hpp"

#include "quantization/grid_search.hpp"
#include "quantization/look_ahead.hpp"

namespace comq {
namespace {

double zero_step(const QuantizationConfig& config) {
    switch (config.zero_point) {
        case ZeroPoint::half:
            return 0.5;
        case ZeroPoint::real:
            return 0.0;
        case ZeroPoint::whole:
            break;
    }
    return 1.0;
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

Grid choose_grid(const QuantizationConfig& config, const GroupProblem& problem) {
    return choose_grid(config, problem, unsearched_grid(config, problem));
}

Grid choose_grid(const QuantizationConfig& config, const GroupProblem& problem,
                 const Grid& unsearched) {
    switch (config.grid) {
        case GridChoice::searched:
            return search_grid(problem, unsearched, grid_search_options(config));
        case GridChoice::look_ahead:
            return unsearched.groups == 1
                       ? search_grid(LookAhead(problem, {}), unsearched,
                                     grid_search_options(config))
                       : search_grid(problem, unsearched, grid_search_options(config));
        case GridChoice::automatic:
        case GridChoice::minmax:
            break;
    }
    return unsearched;
}

bool searches_grid(const QuantizationConfig& config) {
    return config.grid == GridChoice::searched || config.grid == GridChoice::look_ahead;
}

bool fits_zero_points(const QuantizationConfig& config) {
    return config.zero_point == ZeroPoint::real && !config.symmetric;
}

std::vector<std::string> grid_keys(std::initializer_list<std::string> further) {
    std::vector<std::string> keys{"granularity", "group_size", "symmetric",
                                  "zero_point",  "grid",       "scalar"};
    keys.insert(keys.end(), further);
    return keys;
}

Start choose_start(const QuantizationConfig& config, const GroupProblem& problem,
                   const Grid& grid) {
    switch (config.start) {
        case StartChoice::rtn:
            return rtn_start(problem.weight, grid);
        case StartChoice::look_ahead:
            return look_ahead_start(problem, grid, {});
        case StartChoice::automatic:
        case StartChoice::weights:
            break;
    }
    return float_start();
}

}  // namespace comq
