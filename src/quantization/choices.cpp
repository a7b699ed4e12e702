#include "quantization/choices.hpp"

#include "quantization/grid_search.hpp"
#include "quantization/look_ahead.hpp"

namespace comq {
namespace {

double zero_step(const QuantizationConfig& config) {
    return config.zero_point == ZeroPoint::half ? 0.5 : 1.0;
}

}  // namespace

Grid unsearched_grid(const QuantizationConfig& config, const GroupProblem& problem) {
    return minmax_grid(config.granularity, problem.weight, problem.bits, config.scalar,
                       scale_groups(problem.in_features(), config.group_size),
                       {config.symmetric, zero_step(config)});
}

GridSearchOptions grid_search_options(const QuantizationConfig& config) {
    return {config.granularity, config.symmetric ? 0.0 : zero_step(config)};
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
