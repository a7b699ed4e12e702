#include "quantization/channel_state.hpp"

#include <algorithm>
#include <vector>

#include "quantization/explicit_reference.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

/** A channel on which sweeps over coordinates and over pairs have both settled. */
Matrix<uint8_t> settled_codes(const GroupProblem& problem, const Grid& grid) {
    DescentOptions options;
    options.sweeps = 200;
    options.pair_sweeps = 100;
    return descend(problem, grid, rtn_start(problem.weight, grid), options).weight.bit_code;
}

}  // namespace

TEST_CASE("settled pairs have no better neighbouring levels, by trying all") {
    const int64_t groups = GENERATE(1, 2);
    int improved = 0;
    for (uint64_t seed = 0; seed < 12; ++seed) {
        const ExplicitLayer layer = random_layer(400 + seed, 40, 10, 1);
        const GroupProblem problem = layer.problem(2);
        const Grid grid =
            minmax_grid(Granularity::per_group, layer.weight.view(), 2, 0.7, {}, groups);
        const Matrix<uint8_t> codes = settled_codes(problem, grid);
        const auto error_of = [&](const Matrix<uint8_t>& tried) {
            return explicit_squared_error(layer, dequantize(on_grid(tried, grid))).front();
        };
        const double reached = error_of(codes);
        for (int64_t i = 0; i < 10; ++i) {
            for (int64_t j = 0; j < i; ++j) {
                for (const int a : {-1, 0, 1}) {
                    for (const int b : {-1, 0, 1}) {
                        Matrix<uint8_t> other = codes;
                        other(0, i) = static_cast<uint8_t>(std::clamp(codes(0, i) + a, 0, 3));
                        other(0, j) = static_cast<uint8_t>(std::clamp(codes(0, j) + b, 0, 3));
                        CHECK(error_of(other) >= reached * (1 - 1e-5));
                    }
                }
            }
        }
        DescentOptions single;
        single.sweeps = 200;
        const Start start = rtn_start(problem.weight, grid);
        const double without = error_of(descend(problem, grid, start, single).weight.bit_code);
        CHECK(reached <= without * (1 + 1e-6));
        improved += reached < without * (1 - 1e-3);
    }
    CHECK(improved >= 2);
}
