#include <algorithm>
#include <vector>

#include "quantization/descent.hpp"
#include "quantization/explicit_reference.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/method.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

TEST_CASE("groups of inputs are of equal size") {
    CHECK(scale_groups(192, 64) == 3);
    CHECK(scale_groups(192, 128) == 2);
    CHECK(scale_groups(27, 16) == 3);
    CHECK(scale_groups(7, 4) == 7);
    CHECK(scale_groups(40, 64) == 1);
}

TEST_CASE("a grid by group is the grid by channel of each part") {
    const ExplicitLayer layer = random_layer(501, 40, 24, 5);
    const Grid grid = minmax_grid(Granularity::per_group, layer.weight.view(), 3, 0.9, {}, 3);
    for (int64_t g = 0; g < 3; ++g) {
        const Grid part =
            minmax_grid(Granularity::per_channel, {layer.weight.data() + 8 * g, 5, 8, 24}, 3, 0.9);
        for (int64_t j = 0; j < 5; ++j) {
            CHECK(grid.scale[j * 3 + g] == part.scale[j]);
            CHECK(grid.zero_point[j * 3 + g] == part.zero_point[j]);
        }
    }
}

TEST_CASE("descent by group reports the error of its weights and does not raise it") {
    const ExplicitLayer layer = random_layer(502, 150, 48, 10);
    const bool from_codes = GENERATE(false, true);
    DescentOptions options;
    options.sweeps = 6;
    options.scale_update = ScaleUpdate::closed_form;
    options.granularity = Granularity::per_group;
    const Grid grid = minmax_grid(Granularity::per_group, layer.weight.view(), 3, 1.0, {}, 4);
    const Start start = from_codes ? rtn_start(layer.weight.view(), grid) : float_start();
    const DescentResult result = descend(layer.problem(3), grid, start, options);
    const std::vector<double> expected = explicit_squared_error(layer, dequantize(result.weight));
    for (int64_t j = 0; j < 10; ++j) {
        CHECK(result.squared_error[j] == Approx(expected[j]).epsilon(1e-4));
    }
    std::vector<double> before = result.squared_error;
    while (--options.sweeps > 0) {
        std::vector<double> fewer = descend(layer.problem(3), grid, start, options).squared_error;
        for (int64_t j = 0; j < 10; ++j) CHECK(before[j] <= fewer[j] * (1 + 1e-6));
        before = std::move(fewer);
    }
}

TEST_CASE("every method has scales by group, and they pay") {
    const ExplicitLayer layer = random_layer(503, 200, 64, 16);
    const GroupProblem problem = layer.problem(3);
    for (const std::string& method : method_names()) {
        CAPTURE(method);
        if (method == "beacon") continue;  // one scale a channel
        QuantizationConfig config;
        config.method = method;
        const auto error_of = [&](Granularity granularity) {
            config.granularity = granularity;
            config.group_size = 16;
            const QuantizedWeight weight = make_method(config)->solve(problem).weight;
            CHECK(weight.scale_groups() == (granularity == Granularity::per_group ? 4 : 1));
            return group_error(problem.gram, problem.weight, weight).error;
        };
        CHECK(error_of(Granularity::per_group) < error_of(Granularity::per_channel));
    }
}
