#include "quantization/grid_search.hpp"

#include <cmath>

#include "quantization/explicit_reference.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/method.hpp"
#include "quantization/start.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

std::vector<double> errors_of_rounding(const ExplicitLayer& layer, const Grid& grid) {
    return squared_channel_errors(layer.gram.view(), layer.weight.view(),
                                  on_grid(rtn_start(layer.weight.view(), grid).bit_code, grid));
}

}  // namespace

TEST_CASE("a searched grid never rounds worse than the grid it began from") {
    const ExplicitLayer layer = random_layer(95, 120, 60, 20);
    for (const int bits : {2, 3, 4, 8}) {
        const GroupProblem problem = layer.problem(bits);
        const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), bits, 1.0);
        const std::vector<double> before = errors_of_rounding(layer, grid);
        const std::vector<double> after =
            errors_of_rounding(layer, search_grid(problem, grid, {Granularity::per_channel}));
        for (int64_t j = 0; j < 20; ++j) CHECK(after[j] <= before[j] * (1 + 1e-6));
        // Outliers cost most at two bits, where clipping them pays.
        if (bits == 2) CHECK(sum(after) < 0.81 * sum(before));
    }
}

TEST_CASE("a searched grid of a layer stays one grid") {
    const ExplicitLayer layer = random_layer(96, 120, 60, 20);
    const Grid grid = minmax_grid(Granularity::per_layer, layer.weight.view(), 2, 1.0);
    const Grid searched = search_grid(layer.problem(2), grid, {Granularity::per_layer});
    for (std::size_t j = 1; j < 20; ++j) {
        CHECK(searched.scale[j] == searched.scale[0]);
        CHECK(searched.zero_point[j] == searched.zero_point[0]);
    }
    CHECK(sum(errors_of_rounding(layer, searched)) < sum(errors_of_rounding(layer, grid)));
}

TEST_CASE("the search finds the scale that made the weights") {
    ExplicitLayer layer = random_layer(97, 80, 40, 1);
    // Weights on levels 0.1·(−2 … 1) but for one outlier on an input that hardly matters.
    for (int64_t i = 0; i < 40; ++i) {
        layer.weight(0, i) = 0.1F * static_cast<float>(i % 4 - 2);
    }
    layer.weight(0, 5) = 0.3F;
    for (int64_t t = 0; t < 80; ++t) layer.inputs(t, 5) *= 1e-3;
    layer.gram = gram_of(layer.inputs);
    const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), 2, 1.0);
    CHECK(grid.scale[0] == Approx(0.5 / 3));
    const Grid searched = search_grid(layer.problem(2), grid, {Granularity::per_channel});
    CHECK(searched.scale[0] == Approx(0.1).epsilon(0.05));
}

TEST_CASE("grid and start are choices of their own") {
    const ExplicitLayer layer = random_layer(98, 200, 64, 24);
    const GroupProblem problem = layer.problem(2);
    const auto error_with = [&](const std::string& method, GridChoice grid, StartChoice start) {
        QuantizationConfig config;
        config.method = method;
        config.grid = grid;
        config.start = start;
        return group_error(problem.gram, problem.weight, make_method(config)->solve(problem).weight)
            .error;
    };
    for (const std::string& method : method_names()) {
        CAPTURE(method);
        if (method == "beacon") continue;  // its grid is its own
        CHECK(error_with(method, GridChoice::searched, StartChoice::weights) <
              error_with(method, GridChoice::minmax, StartChoice::weights));
    }
    // Descent from codes is never worse than the codes.
    for (const GridChoice grid : {GridChoice::minmax, GridChoice::searched}) {
        CHECK(error_with("comq", grid, StartChoice::rtn) <=
              error_with("rtn", grid, StartChoice::weights));
        CHECK(error_with("comq", grid, StartChoice::look_ahead) <=
              error_with("gptq", grid, StartChoice::weights));
    }
}
