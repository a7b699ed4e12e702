#include "quantization/choices.hpp"
#include "quantization/methods.hpp"
#include "quantization/start.hpp"

namespace comq {
namespace {

/** Every weight on the nearest level of the grid; the Gram serves only where that is searched. */
Solution round_to_nearest(const MethodArguments& arguments) {
    const Grid grid = choose_grid(arguments.config, arguments.problem);
    return {on_grid(rtn_start(arguments.problem.weight, grid).bit_code, grid), 0};
}

}  // namespace

const MethodEntry rtn_method{.name = "rtn",
                             .summary = "round to nearest",
                             .reads = grid_keys(),
                             .reads_gram = searches_grid,
                             .solve = round_to_nearest};

}  // namespace comq
