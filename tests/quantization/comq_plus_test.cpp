#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "quantization/explicit_reference.hpp"
#include "quantization/grid_search.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/look_ahead.hpp"
#include "quantization/method.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

QuantizationConfig plus() {
    QuantizationConfig config;
    config.method = "comq_plus";
    return config;
}

std::vector<double> channel_errors(const GroupProblem& problem, const QuantizedWeight& weight) {
    return squared_channel_errors(problem.gram, problem.weight, weight);
}

double least_error_over_scales(const ExplicitLayer& layer, const std::vector<int>& codes,
                               double zero_point) {
    const int64_t m = layer.weight.cols();
    double weight_energy = 0;
    double numerator = 0;
    double denominator = 0;
    for (int64_t i = 0; i < m; ++i) {
        for (int64_t k = 0; k < m; ++k) {
            const double h = layer.gram(i, k);
            weight_energy += layer.weight(0, i) * h * layer.weight(0, k);
            numerator += (codes[i] + zero_point) * h * layer.weight(0, k);
            denominator += (codes[i] + zero_point) * h * (codes[k] + zero_point);
        }
    }
    return numerator > 0 ? weight_energy - numerator * numerator / denominator : weight_energy;
}

}  // namespace

TEST_CASE("comq_plus is never worse than the best of its starts") {
    for (const int bits : {2, 3, 4, 8}) {
        for (const uint64_t seed : {201, 202, 203}) {
            const ExplicitLayer layer = random_layer(seed, 30 * (seed % 5), 48, 12);
            const GroupProblem problem = layer.problem(bits);
            const Grid unsearched =
                minmax_grid(Granularity::per_channel, layer.weight.view(), bits, 1.0);
            const LookAhead look_ahead(problem, {});
            const Grid grid = search_grid(look_ahead, unsearched, {Granularity::per_channel});
            const std::vector<double> errors =
                channel_errors(problem, make_method(plus())->solve(problem).weight);
            QuantizationConfig greedy;
            greedy.method = "gpfq";
            greedy.grid = GridChoice::look_ahead;
            const QuantizedWeight starts[] = {
                on_grid(rtn_start(layer.weight.view(), unsearched).bit_code, unsearched),
                on_grid(rtn_start(layer.weight.view(), grid).bit_code, grid),
                on_grid(look_ahead.run(grid).start.bit_code, grid),
                make_method(greedy)->solve(problem).weight};
            for (const QuantizedWeight& start : starts) {
                const std::vector<double> before = channel_errors(problem, start);
                for (std::size_t j = 0; j < before.size(); ++j) {
                    CHECK(errors[j] <= before[j] * (1 + 1e-6));
                }
            }
        }
    }
}

TEST_CASE("comq_plus is never worse than its starts, whatever descent does to them") {
    const ExplicitLayer layer = random_layer(204, 90, 32, 8);
    const GroupProblem problem = layer.problem(3);
    const DescentFunction ruin = [](const GroupProblem& of, const Grid& grid, const Start&,
                                    const DescentOptions&) {
        Matrix<uint8_t> zeros(of.out_features(), of.in_features());
        return DescentResult{on_grid(std::move(zeros), grid), 1,
                             std::vector<double>(static_cast<std::size_t>(of.out_features()))};
    };
    const auto errors = channel_errors(problem, make_method(plus(), ruin)->solve(problem).weight);
    const Grid unsearched = minmax_grid(Granularity::per_channel, layer.weight.view(), 3, 1.0);
    const LookAhead look_ahead(problem, {});
    const Grid grid = search_grid(look_ahead, unsearched, {Granularity::per_channel});
    const auto start = channel_errors(problem, on_grid(look_ahead.run(grid).start.bit_code, grid));
    for (std::size_t j = 0; j < start.size(); ++j) CHECK(errors[j] <= start[j] * (1 + 1e-6));
}

TEST_CASE("comq_plus with one grid a layer is never worse than rounding") {
    const ExplicitLayer layer = random_layer(205, 100, 40, 16);
    for (const int bits : {2, 4}) {
        QuantizationConfig config = plus();
        config.granularity = Granularity::per_layer;
        const GroupProblem problem = layer.problem(bits);
        const QuantizedWeight weight = make_method(config)->solve(problem).weight;
        config.method = "rtn";
        const QuantizedWeight rounded = make_method(config)->solve(problem).weight;
        CHECK(group_error(problem.gram, problem.weight, weight).error <
              group_error(problem.gram, problem.weight, rounded).error);
        for (int64_t j = 1; j < 16; ++j) CHECK(weight.scale(j, 0) == weight.scale(0, 0));
    }
}

TEST_CASE("comq_plus leaves less error than the other methods on their own grids") {
    const ExplicitLayer layer = random_layer(206, 300, 64, 32);
    for (const int bits : {2, 3, 4}) {
        const GroupProblem problem = layer.problem(bits);
        const auto error_of = [&](const std::string& method) {
            QuantizationConfig config;
            config.method = method;
            return group_error(problem.gram, problem.weight,
                               make_method(config)->solve(problem).weight)
                .error;
        };
        const double ours = error_of("comq_plus");
        for (const std::string& method : method_names()) {
            CAPTURE(method, bits);
            if (method != "comq_plus") CHECK(ours < error_of(method));
        }
    }
}

TEST_CASE("real zero points pay, the more the fewer levels there are") {
    const ExplicitLayer layer = random_layer(209, 300, 64, 32);
    double gain_before = 0;
    for (const int bits : {4, 3, 2}) {
        const GroupProblem problem = layer.problem(bits);
        QuantizationConfig config = plus();
        const auto error_of = [&] {
            const auto weight = make_method(config)->solve(problem).weight;
            return group_error(problem.gram, problem.weight, weight).error;
        };
        const double whole = error_of();
        config.zero_point = ZeroPoint::real;
        const double gain = whole / error_of();
        CAPTURE(bits);
        CHECK(gain > std::max(1.0, gain_before));
        gain_before = gain;
        config.symmetric = true;
        const auto weight = make_method(config)->solve(problem).weight;
        for (int64_t j = 0; j < 32; ++j)
            CHECK(weight.zero_point(j, 0) == 0.5F - (1 << bits) * 0.5F);
    }
}

TEST_CASE("comq_plus against all codes of six inputs") {
    constexpr int64_t m = 6;
    int global_optima = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
        const ExplicitLayer layer = random_layer(300 + seed, 24, m, 1);
        const QuantizedWeight weight = make_method(plus())->solve(layer.problem(2)).weight;
        const double reached = explicit_squared_error(layer, dequantize(weight)).front();
        std::vector<int> codes(weight.bit_code.data(), weight.bit_code.data() + m);
        const double zero_point = weight.zero_point(0, 0);
        CHECK(reached == Approx(least_error_over_scales(layer, codes, zero_point)).epsilon(1e-4));

        // With its scale fixed, no coordinate has a better code.
        for (int64_t i = 0; i < m; ++i) {
            for (uint8_t code = 0; code < 4; ++code) {
                QuantizedWeight other = weight;
                other.bit_code(0, i) = code;
                CHECK(explicit_squared_error(layer, dequantize(other)).front() >=
                      reached * (1 - 1e-5));
            }
        }
        double best = INFINITY;
        for (int combination = 0; combination < 4096; ++combination) {
            for (int64_t i = 0; i < m; ++i) codes[i] = (combination >> (2 * i)) & 3;
            best = std::min(best, least_error_over_scales(layer, codes, zero_point));
        }
        CHECK(reached >= best * (1 - 1e-5));
        global_optima += reached <= best * 1.001;
    }
    CHECK(global_optima >= 15);
}

TEST_CASE("comq_plus gives the same bits on any number of threads") {
    const ExplicitLayer layer = random_layer(207, 150, 70, 41);
    std::vector<QuantizedWeight> weights;
    for (const std::size_t threads : {1, 2, 5}) {
        const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
        weights.push_back(make_method(plus())->solve(layer.problem(2)).weight);
    }
    for (const QuantizedWeight& weight : weights) {
        CHECK(std::equal(weight.bit_code.data(), weight.bit_code.data() + 70 * 41,
                         weights.front().bit_code.data()));
        CHECK(std::equal(weight.scale.data(), weight.scale.data() + 41,
                         weights.front().scale.data()));
        CHECK(std::equal(weight.zero_point.data(), weight.zero_point.data() + 41,
                         weights.front().zero_point.data()));
    }
}

TEST_CASE("what look-ahead says it leaves is the error of its codes, if undamped") {
    const ExplicitLayer layer = random_layer(208, 200, 45, 9);
    const GroupProblem problem = layer.problem(3);
    const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), 3, 0.8);
    LookAheadOptions undamped;
    undamped.damping = 0;
    const LookAhead::Result result = LookAhead(problem, undamped).run(grid);
    const std::vector<double> expected =
        explicit_squared_error(layer, dequantize(on_grid(result.start.bit_code, grid)));
    for (int64_t j = 0; j < 9; ++j) {
        CHECK(result.squared_error[j] == Approx(expected[j]).epsilon(1e-3));
    }
}
