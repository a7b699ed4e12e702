#include <algorithm>
#include <utility>
#include <vector>

#include "quantization/choices.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/learned_rounding.hpp"
#include "quantization/methods.hpp"

namespace comq {
namespace {

struct Begin {
    Grid grid;
    Start start;  ///< as learned rounding takes it: without codes where there are none
};

Begin begin_of(const MethodArguments& arguments) {
    QuantizationConfig config = arguments.config;
    if (config.start == StartChoice::comq_plus) {
        config.start = StartChoice::automatic;
        QuantizedWeight weight =
            comq_plus_method.solve({arguments.problem, config, arguments.descend}).weight;
        Grid grid;
        grid.bits = arguments.problem.bits;
        grid.groups = weight.scale_groups();
        const int64_t scales = weight.out_features() * weight.scale_groups();
        grid.scale.assign(weight.scale.data(), weight.scale.data() + scales);
        grid.zero_point.assign(weight.zero_point.data(), weight.zero_point.data() + scales);
        return {std::move(grid), Start{std::move(weight.bit_code)}};
    }
    Grid grid = choose_grid(config, arguments.problem);
    Start start = choose_start(config, arguments.problem, grid);
    return {std::move(grid), std::move(start)};
}

/** Each channel of `best` becomes that of `other` where its eᵀHe is less. */
void take_better_channels(const GroupProblem& problem, const Grid& grid, Matrix<uint8_t> other,
                          QuantizedWeight& best) {
    const QuantizedWeight weight = on_grid(std::move(other), grid);
    const auto before = squared_channel_errors(problem.gram, problem.weight, best);
    const auto after = squared_channel_errors(problem.gram, problem.weight, weight);
    for (int64_t j = 0; j < problem.out_features(); ++j) {
        if (!(after[static_cast<std::size_t>(j)] < before[static_cast<std::size_t>(j)])) continue;
        std::copy_n(weight.bit_code.row(j), problem.in_features(), best.bit_code.row(j));
    }
}

/**
 * AdaRound, arXiv 2004.10568: learned rounding on a grid. Rounding to nearest and the start's codes
 * are candidates of each channel, so the result is never worse than they are.
 */
Solution solve_adaround(const MethodArguments& arguments) {
    const GroupProblem& problem = arguments.problem;
    const auto [grid, start] = begin_of(arguments);
    QuantizedWeight best = on_grid(rtn_start(problem.weight, grid).bit_code, grid);
    if (!start.is_float()) take_better_channels(problem, grid, start.bit_code, best);
    LearnedRounding learned =
        learn_rounding(problem, grid, start, {.iterations = arguments.config.iterations});
    take_better_channels(problem, grid, std::move(learned.bit_code), best);
    return {std::move(best), 0};
}

}  // namespace

const MethodEntry adaround_method{
    .name = "adaround",
    .summary = "learned rounding between neighbouring levels (arXiv 2004.10568)",
    .reads = grid_keys({"start", "order", "iterations"}),
    // Measured on the layers of DeiT-Tiny.
    .cost = {.sweeps = 1.0, .iteration = 0.34},
    .uses_gradients = true,
    .solve = solve_adaround};

}  // namespace comq
