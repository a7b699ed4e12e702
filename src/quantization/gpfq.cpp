#include <tbb/parallel_for.h>

#include <utility>
#include <vector>

#include "quantization/add_row.hpp"
#include "quantization/choices.hpp"
#include "quantization/descent.hpp"
#include "quantization/methods.hpp"
#include "quantization/order.hpp"

namespace comq {
namespace {

/**
 * One channel's path on quantized inputs. Visit i rounds
 *
 *     x̃_iᵀ(Σ_s x_s·w_s − Σ_{s≠i} x̃_s·q_s) / H̃_ii  =  w_i + (r_i + c_i)/H̃_ii
 *
 * over the inputs s visited so far, i among the first: r = Σ_{s≠i} H̃_s·(w_s − q_s) is the error of
 * rounding and c = Σ_s x̃ᵀ(x_s − x̃_s)·w_s that of the inputs.
 */
void follow_outputs(const GroupProblem& problem, const Grid& grid,
                    const std::vector<int32_t>& order, int64_t channel, uint8_t* code) {
    const int64_t m = problem.in_features();
    const float* weight = problem.weight.row(channel);
    std::vector<double> error(static_cast<std::size_t>(m), 0.0);
    for (const int32_t i : order) {
        const ChannelLevels levels = grid.levels(channel, i / (m / grid.groups));
        const auto own = static_cast<double>(weight[i]);
        add_row(problem.input_change.row(i), own, m, error.data());
        const double diagonal = problem.gram(i, i);
        const double target = diagonal > 0 ? own + error[i] / diagonal : own;
        code[i] = static_cast<uint8_t>(levels.nearest(target));
        const double level = levels.multiple(code[i]) * static_cast<double>(levels.scale());
        add_row(problem.gram.row(i), own - level, m, error.data());
    }
}

Solution follow_path(const GroupProblem& problem, const Grid& grid, Order order) {
    const std::vector<float> norm = order_norms(problem);
    Matrix<uint8_t> bit_code(problem.out_features(), problem.in_features());
    tbb::parallel_for(int64_t{0}, problem.out_features(), [&](int64_t j) {
        follow_outputs(problem, grid, channel_order(order, problem, norm, j), j, bit_code.row(j));
    });
    return {on_grid(std::move(bit_code), grid), 1};
}

/**
 * GPFQ, arXiv 2201.11113: one greedy path over the coordinates, each rounded to make up for the
 * output error so far. On full-precision inputs that is the first sweep of coordinate descent from
 * the float weights. The paper takes them in the order they are stored in (`order: cyclic`).
 */
Solution solve_gpfq(const MethodArguments& arguments) {
    const GroupProblem& problem = arguments.problem;
    const QuantizationConfig& config = arguments.config;
    const Grid grid = choose_grid(config, problem);
    if (problem.input_change.rows > 0) return follow_path(problem, grid, config.order);
    DescentResult result = descend(problem, grid, float_start(),
                                   {.order = config.order, .granularity = config.granularity});
    return {std::move(result.weight), result.sweeps};
}

}  // namespace

const MethodEntry gpfq_method{.name = "gpfq",
                              .summary = "greedy path following (arXiv 2201.11113)",
                              .reads = grid_keys({"order"}),
                              .follows_output_path = true,
                              .solve = solve_gpfq};

}  // namespace comq
