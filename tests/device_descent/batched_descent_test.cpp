#include "device_descent/batched_descent.hpp"

#include <torch/cuda.h>

#include <algorithm>

#include "quantization/explicit_reference.hpp"
#include "quantization/method.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

double share_of_equal_codes(const QuantizedWeight& a, const QuantizedWeight& b) {
    const auto count = a.bit_code.rows() * a.bit_code.cols();
    int64_t equal = 0;
    for (int64_t k = 0; k < count; ++k) equal += a.bit_code.data()[k] == b.bit_code.data()[k];
    return static_cast<double>(equal) / static_cast<double>(count);
}

}  // namespace

TEST_CASE("all channels at once get the codes that descent channel by channel gives them") {
    const int bits = GENERATE(2, 4);
    const auto layer = test::random_layer(11, 400, 150, 40);  // more than two blocks
    DescentOptions options;
    options.order = GENERATE(Order::cyclic, Order::greedy);
    options.sweeps = GENERATE(1, 4);
    options.granularity = GENERATE(Granularity::per_channel, Granularity::per_layer);
    options.scale_update = GENERATE(ScaleUpdate::none, ScaleUpdate::closed_form);
    options.undo_worse_sweeps = options.scale_update == ScaleUpdate::closed_form;
    options.fit_zero_points = GENERATE(false, true);
    const bool from_codes = GENERATE(false, true);

    const auto problem = layer.problem(bits);
    const Grid grid = minmax_grid(options.granularity, problem.weight, bits, 1.0);
    const Start start = from_codes ? rtn_start(problem.weight, grid) : float_start();
    const auto expected = descend(problem, grid, start, options);
    const auto batched = batched_descend(problem, grid, start, options, torch::kCPU);

    // A target within fp32 rounding of the middle between two levels may fall to either side, and
    // move some coordinates after it.
    CHECK(share_of_equal_codes(batched.weight, expected.weight) >= 0.998);
    CHECK(test::sum(batched.squared_error) ==
          Approx(test::sum(expected.squared_error)).epsilon(2e-3));
    CHECK(batched.sweeps <= options.sweeps);
}

TEST_CASE("a method descends with the descent it is given") {
    const auto layer = test::random_layer(14, 400, 96, 48);
    QuantizationConfig config;
    config.method = GENERATE("comq", "comq_plus");
    config.bits = 4;
    int batches = 0;
    const auto batched = [&](const GroupProblem& problem, const Grid& grid, const Start& start,
                             const DescentOptions& options) {
        REQUIRE(can_batch(grid, options));
        ++batches;
        return batched_descend(problem, grid, start, options, torch::kCPU);
    };
    const auto found = make_method(config, batched)->solve(layer.problem(4)).weight;
    CHECK(batches > 0);
    CHECK(share_of_equal_codes(found, make_method(config)->solve(layer.problem(4)).weight) >= 0.99);
}

TEST_CASE("the CPU descends channel by channel") {
    const auto layer = test::random_layer(15, 300, 64, 64);
    const auto problem = layer.problem(3);
    const Grid grid = minmax_grid(Granularity::per_channel, problem.weight, 3, 1.0);
    const auto found = descent_on(torch::kCPU)(problem, grid, float_start(), {});
    CHECK(share_of_equal_codes(found.weight, descend(problem, grid, float_start(), {}).weight) ==
          1.0);
}

TEST_CASE("dead inputs get the level nearest to their weight on every device") {
    auto layer = test::random_layer(12, 200, 20, 6);
    for (int64_t k = 0; k < 20; ++k) layer.gram(3, k) = layer.gram(k, 3) = 0.0;
    const auto problem = layer.problem(3);
    const Grid grid = minmax_grid(Granularity::per_channel, problem.weight, 3, 1.0);
    DescentOptions options;
    options.sweeps = 2;
    const auto batched = batched_descend(problem, grid, float_start(), options, torch::kCPU);
    for (int64_t j = 0; j < 6; ++j) {
        CHECK(batched.weight.bit_code(j, 3) == grid.levels(j).nearest(problem.weight(j, 3)));
    }
}

TEST_CASE("dead inputs are rounded with the last scale, as on the CPU") {
    const auto dead_one = [] {
        test::ExplicitLayer layer{Matrix<double>(), Matrix<double>(4, 4), Matrix<float>(1, 4)};
        for (int64_t i = 0; i < 3; ++i) layer.gram(i, i) = 1.0;
        const float weights[] = {0.1F, 0.0F, -0.5F, -1.0F};
        std::copy_n(weights, 4, layer.weight.data());
        return layer;
    }();
    const auto problem = dead_one.problem(2);
    const Grid grid = minmax_grid(Granularity::per_channel, problem.weight, 2, 1.0);
    DescentOptions options;
    options.sweeps = 5;
    options.scale_update = ScaleUpdate::closed_form;
    const Start start = rtn_start(problem.weight, grid);
    const auto expected = descend(problem, grid, start, options);
    const auto found = batched_descend(problem, grid, start, options, torch::kCPU);
    CHECK(expected.weight.scale(0, 0) > grid.scale[0]);
    CHECK(found.weight.scale(0, 0) == expected.weight.scale(0, 0));
    CHECK(share_of_equal_codes(found.weight, expected.weight) == 1.0);
}

TEST_CASE("a CUDA device gives the codes that the CPU gives") {
    if (!torch::cuda::is_available()) {
        WARN("no CUDA device here: the same operations are tested on the CPU only");
        return;
    }
    const auto layer = test::random_layer(13, 800, 300, 64);
    const auto problem = layer.problem(4);
    const Grid grid = minmax_grid(Granularity::per_channel, problem.weight, 4, 1.0);
    DescentOptions options;
    options.sweeps = 4;
    options.scale_update = ScaleUpdate::closed_form;
    options.undo_worse_sweeps = true;
    const auto on_cpu = batched_descend(problem, grid, float_start(), options, torch::kCPU);
    const auto on_gpu = batched_descend(problem, grid, float_start(), options, torch::kCUDA);
    CHECK(share_of_equal_codes(on_cpu.weight, on_gpu.weight) >= 0.9999);
}
