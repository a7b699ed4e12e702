#include <utility>

#include "quantization/choices.hpp"
#include "quantization/descent.hpp"
#include "quantization/methods.hpp"

namespace comq {
namespace {

Grid starting_grid(const QuantizationConfig& config, const GroupProblem& problem) {
    if (config.preset == Preset::paper && config.granularity == Granularity::per_layer) {
        return choose_grid(config, problem,
                           symmetric_grid_per_layer(problem.weight, problem.bits, config.scalar));
    }
    return choose_grid(config, problem);
}

/**
 * COMQ, arXiv 2403.07134, in its two variants.
 *
 * `authors_code`: what github.com/AozhongZhang/COMQ does (commit fecf9ea). The min-max grid stays
 * as it is.
 *
 * `paper`: codes and scales alternate (§3.2, equations 8 and 10; Algorithm 1 per layer, Algorithm 2
 * per channel), reconstructed where the text leaves the start open: per channel the authors' grid,
 * per layer the symmetric grid of GPFQ's rule. A sweep that raises the error is undone. The preset
 * decides the grid; whether scales are updated is the config key it sets, `scale_update`.
 *
 * Both begin from the float weights unless the config names another start.
 */
Solution solve_comq(const MethodArguments& arguments) {
    const QuantizationConfig& config = arguments.config;
    const Grid grid = starting_grid(config, arguments.problem);
    const DescentOptions options{
        .order = config.order,
        .sweeps = config.sweeps,
        .scale_update = config.scale_update,
        .fit_zero_points = fits_zero_points(config),
        .granularity = config.granularity,
        .undo_worse_sweeps = config.scale_update == ScaleUpdate::closed_form};
    DescentResult result = arguments.descend(
        arguments.problem, grid, choose_start(config, arguments.problem, grid), options);
    return {std::move(result.weight), result.sweeps};
}

}  // namespace

const MethodEntry comq_method{
    .name = "comq",
    .summary = "coordinate descent on the layer output (arXiv 2403.07134)",
    .reads = grid_keys({"preset", "start", "order", "sweeps", "scale_update"}),
    .cost = {.sweeps = 0},
    .check = check_descent_start,
    .solve = solve_comq};

}  // namespace comq
