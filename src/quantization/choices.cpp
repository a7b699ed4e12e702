#include "quantization/choices.hpp"

#include "quantization/grid_search.hpp"
#include "quantization/look_ahead.hpp"

namespace comq {

Grid choose_grid(const QuantizationConfig& config, const GroupProblem& problem) {
    return choose_grid(
        config, problem,
        minmax_grid(config.granularity, problem.weight, problem.bits, config.scalar));
}

Grid choose_grid(const QuantizationConfig& config, const GroupProblem& problem, const Grid& grid) {
    return config.grid == GridChoice::searched ? search_grid(problem, grid, config.granularity)
                                               : grid;
}

Start choose_start(const QuantizationConfig& config, const GroupProblem& problem,
                   const Grid& grid) {
    switch (config.start) {
        case StartChoice::rtn:
            return rtn_start(problem.weight, grid);
        case StartChoice::look_ahead:
            return look_ahead_start(problem, grid, {});
        case StartChoice::weights:
            break;
    }
    return float_start();
}

}  // namespace comq
