#include "examples/stochastic_rounding.hpp"

#include <algorithm>
#include <cmath>

#include "core/random.hpp"
#include "quantization/choices.hpp"

namespace comq {

namespace {

/** Rounds up with a probability equal to the fraction, so that the expected weight is the weight.
 */
Solution round_stochastically(const MethodArguments& arguments) {
    const GroupProblem& problem = arguments.problem;
    const Grid grid = choose_grid(arguments.config, problem);
    Matrix<uint8_t> codes(problem.out_features(), problem.in_features());
    // Numbers depend on names and positions only, never on the order of threads.
    const auto draws = RandomStream(0, "stochastic rounding").child(problem.layer);
    for (int64_t out = 0; out < codes.rows(); ++out) {
        for (int64_t in = 0; in < codes.cols(); ++in) {
            const auto levels = grid.levels(out, in * grid.groups / codes.cols());
            const auto position = static_cast<uint64_t>(out * codes.cols() + in);
            const double code = problem.weight(out, in) * levels.inverse_scale() -
                                levels.zero_point() + draws.uniform(position);
            codes(out, in) = static_cast<uint8_t>(
                std::clamp(std::floor(code), 0.0, static_cast<double>(grid.top_code())));
        }
    }
    return {on_grid(std::move(codes), grid), 0};
}

}  // namespace

const MethodEntry stochastic_rounding_method{.name = "stochastic_rounding",
                                             .summary = "round up as often as the fraction says",
                                             .reads = grid_keys(),
                                             .reads_gram = searches_grid,
                                             .solve = round_stochastically};

}  // namespace comq
