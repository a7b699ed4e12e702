#include "quantization/descent.hpp"

#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/random.hpp"
#include "quantization/explicit_reference.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

DescentOptions fixed_scale(Order order, int sweeps) {
    DescentOptions options;
    options.order = order;
    options.sweeps = sweeps;
    return options;
}

bool same_codes(const Matrix<uint8_t>& a, const Matrix<uint8_t>& b) {
    return std::equal(a.data(), a.data() + a.rows() * a.cols(), b.data());
}

}  // namespace

TEST_CASE("descent is monotone from the second sweep on") {
    const ExplicitLayer layer = random_layer(21, 150, 40, 20);
    const auto granularity = GENERATE(Granularity::per_channel, Granularity::per_layer);
    const auto update = GENERATE(ScaleUpdate::none, ScaleUpdate::closed_form);
    const auto order = GENERATE(Order::cyclic, Order::greedy, Order::greedy_dynamic, Order::shared);
    const bool fit_zero_points = GENERATE(false, true);
    // Whether worse sweeps are undone makes no difference: there are none.
    const bool undo = GENERATE(false, true);
    for (const int bits : {2, 3, 4}) {
        DescentOptions options = fixed_scale(order, 8);
        options.fit_zero_points = fit_zero_points;
        options.granularity = granularity;
        options.scale_update = update;
        options.undo_worse_sweeps = undo;
        const Grid grid = minmax_grid(granularity, layer.weight.view(), bits, 1.0);
        std::vector<double> before;
        for (options.sweeps = 1; options.sweeps <= 8; ++options.sweeps) {
            CAPTURE(bits, options.sweeps);
            std::vector<double> after =
                descend(layer.problem(bits), grid, float_start(), options).squared_error;
            if (!before.empty()) {
                CHECK(sum(after) <= sum(before) * (1 + 1e-6));
                // A shared scale may serve one channel at another's expense.
                for (int64_t j = 0; j < 20 && granularity == Granularity::per_channel; ++j) {
                    CHECK(after[j] <= before[j] * (1 + 1e-6));
                }
            }
            before = std::move(after);
        }
    }
}

TEST_CASE("descent reports the error of the weights it returns") {
    const ExplicitLayer layer = random_layer(22, 150, 40, 20);
    DescentOptions options = fixed_scale(Order::greedy, 3);
    options.scale_update = ScaleUpdate::closed_form;
    const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), 3, 1.0);
    const DescentResult result = descend(layer.problem(3), grid, float_start(), options);
    const std::vector<double> expected = explicit_squared_error(layer, dequantize(result.weight));
    for (int64_t j = 0; j < 20; ++j) {
        CHECK(result.squared_error[j] == Approx(expected[j]).epsilon(1e-4));
    }
}

TEST_CASE("of all scales and zero points a closed-form update finds the best for the codes") {
    const ExplicitLayer layer = random_layer(24, 150, 40, 12);
    DescentOptions options = fixed_scale(Order::greedy, 20);
    options.scale_update = ScaleUpdate::closed_form;
    options.fit_zero_points = true;
    options.undo_worse_sweeps = true;
    for (const int bits : {2, 4}) {
        const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), bits, 1.0,
                                      LevelRule{false, 0});
        const DescentResult result = descend(layer.problem(bits), grid, float_start(), options);
        const std::vector<double> error = explicit_squared_error(layer, dequantize(result.weight));
        for (int64_t j = 0; j < 12; ++j) {
            CHECK(result.squared_error[j] == Approx(error[j]).epsilon(1e-4));
        }
        for (const float factor : {0.98F, 1.0F, 1.02F}) {
            for (const float shift : {-0.03F, 0.0F, 0.03F}) {
                QuantizedWeight other = result.weight;
                for (int64_t j = 0; j < 12; ++j) {
                    other.scale(j, 0) *= factor;
                    other.zero_point(j, 0) += shift;
                }
                const auto other_error = explicit_squared_error(layer, dequantize(other));
                for (int64_t j = 0; j < 12; ++j) CHECK(other_error[j] >= error[j] * (1 - 1e-6));
            }
        }
        bool between_whole_numbers = false;
        for (int64_t j = 0; j < 12; ++j) {
            const float zero_point = result.weight.zero_point(j, 0);
            between_whole_numbers |= zero_point != std::round(zero_point);
        }
        CHECK(between_whole_numbers);
    }
}

TEST_CASE("descent from codes is never worse than those codes") {
    const ExplicitLayer layer = random_layer(23, 100, 30, 16);
    for (const int bits : {2, 4}) {
        const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), bits, 1.0);
        const Start start = rtn_start(layer.weight.view(), grid);
        const std::vector<double> before =
            explicit_squared_error(layer, dequantize(on_grid(start.bit_code, grid)));
        const DescentResult result =
            descend(layer.problem(bits), grid, start, fixed_scale(Order::cyclic, 5));
        const std::vector<double> after = explicit_squared_error(layer, dequantize(result.weight));
        for (int64_t j = 0; j < 16; ++j) CHECK(after[j] <= before[j] * (1 + 1e-6));
    }
}

TEST_CASE("permuting the inputs permutes the answer") {
    const int64_t m = 33;
    const int64_t n = 9;
    const ExplicitLayer layer = random_layer(24, 120, m, n);
    const std::vector<int64_t> permutation = RandomStream(1, "permutation").permutation(m);
    ExplicitLayer permuted{Matrix<double>(120, m), {}, Matrix<float>(n, m)};
    for (int64_t i = 0; i < m; ++i) {
        for (int64_t t = 0; t < 120; ++t) permuted.inputs(t, i) = layer.inputs(t, permutation[i]);
        for (int64_t j = 0; j < n; ++j) permuted.weight(j, i) = layer.weight(j, permutation[i]);
    }
    permuted.gram = gram_of(permuted.inputs);

    const Order order = GENERATE(Order::cyclic, Order::greedy);
    for (const int bits : {2, 4}) {
        const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), bits, 1.0);
        const DescentResult expected =
            descend(layer.problem(bits), grid, float_start(), fixed_scale(order, 3));
        int64_t different = 0;
        for (int64_t j = 0; j < n; ++j) {
            GroupProblem problem = permuted.problem(bits);
            problem.weight = {permuted.weight.row(j), 1, m};
            if (order == Order::cyclic) {
                // Keys that let the greedy rule visit the inputs as they stood before.
                for (int64_t i = 0; i < m; ++i) {
                    problem.column_norm.push_back(static_cast<float>(m - permutation[i]) /
                                                  std::fabs(permuted.weight(j, i)));
                }
            }
            const Grid own{bits, {grid.scale[j]}, {grid.zero_point[j]}};
            const DescentResult result =
                descend(problem, own, float_start(), fixed_scale(Order::greedy, 3));
            for (int64_t i = 0; i < m; ++i) {
                different +=
                    result.weight.bit_code(0, i) != expected.weight.bit_code(j, permutation[i]);
            }
        }
        CHECK(different == 0);
    }
}

TEST_CASE("codes do not depend on the number of threads") {
    const ExplicitLayer layer = random_layer(25, 150, 70, 75);
    for (const auto granularity : {Granularity::per_channel, Granularity::per_layer}) {
        DescentOptions options = fixed_scale(Order::greedy, 4);
        options.scale_update = ScaleUpdate::closed_form;
        options.granularity = granularity;
        const Grid grid = minmax_grid(granularity, layer.weight.view(), 3, 1.0);
        std::vector<DescentResult> results;
        for (const std::size_t threads : {1, 2, 7}) {
            const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
            results.push_back(descend(layer.problem(3), grid, float_start(), options));
        }
        for (const DescentResult& result : results) {
            CHECK(same_codes(result.weight.bit_code, results.front().weight.bit_code));
            CHECK(std::equal(result.weight.scale.data(), result.weight.scale.data() + 75,
                             results.front().weight.scale.data()));
        }
    }
}

TEST_CASE("converged descent is optimal in every coordinate, by trying all codes") {
    const int64_t m = 6;
    const int bits = 2;
    int reached_optimum = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
        const ExplicitLayer layer = random_layer(100 + seed, 24, m, 1);
        const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), bits, 1.0);
        const DescentResult result =
            descend(layer.problem(bits), grid, float_start(), fixed_scale(Order::greedy, 50));
        REQUIRE(result.sweeps < 50);

        const auto error_of = [&](const Matrix<uint8_t>& codes) {
            return explicit_squared_error(layer, dequantize(on_grid(codes, grid))).front();
        };
        const double reached = error_of(result.weight.bit_code);
        for (int64_t i = 0; i < m; ++i) {
            for (uint8_t q = 0; q < 4; ++q) {
                Matrix<uint8_t> codes = result.weight.bit_code;
                codes(0, i) = q;
                CHECK(error_of(codes) >= reached * (1 - 1e-6));
            }
        }
        double best = INFINITY;
        for (int combination = 0; combination < 4096; ++combination) {
            Matrix<uint8_t> codes(1, m);
            for (int64_t i = 0; i < m; ++i) {
                codes(0, i) = static_cast<uint8_t>((combination >> (2 * i)) & 3);
            }
            best = std::min(best, error_of(codes));
        }
        CHECK(reached >= best * (1 - 1e-6));
        reached_optimum += reached <= best * (1 + 1e-6);
    }
    CHECK(reached_optimum >= 5);
}

TEST_CASE("a step that cannot move costs no further sweep") {
    const ExplicitLayer layer = random_layer(26, 100, 20, 4);
    const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), 8, 1.0);
    const DescentResult few =
        descend(layer.problem(8), grid, float_start(), fixed_scale(Order::cyclic, 60));
    const DescentResult many =
        descend(layer.problem(8), grid, float_start(), fixed_scale(Order::cyclic, 120));
    CHECK(few.sweeps < 60);
    CHECK(few.sweeps == many.sweeps);
    CHECK(same_codes(few.weight.bit_code, many.weight.bit_code));
}
