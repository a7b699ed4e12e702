#include <utility>

#include "quantization/choices.hpp"
#include "quantization/look_ahead.hpp"
#include "quantization/methods.hpp"

namespace comq {
namespace {

/** GPTQ, arXiv 2210.17323, with its defaults: 1% damping; greedy order is its act-order. */
Solution round_with_look_ahead(const MethodArguments& arguments) {
    const Grid grid = choose_grid(arguments.config, arguments.problem);
    Start start = look_ahead_start(arguments.problem, grid, {.order = arguments.config.order});
    return {on_grid(std::move(start.bit_code), grid), 1};
}

}  // namespace

const MethodEntry gptq_method{
    .name = "gptq",
    .summary = "rounding with look-ahead through the Cholesky factor (arXiv 2210.17323)",
    .reads = grid_keys({"order"}),
    .cost = {.matrices = MethodCost::look_ahead_matrices},
    .solve = round_with_look_ahead};

}  // namespace comq
