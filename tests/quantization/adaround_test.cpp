#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/errors.hpp"
#include "quantization/explicit_reference.hpp"
#include "quantization/learned_rounding.hpp"
#include "quantization/look_ahead.hpp"
#include "quantization/method.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

QuantizationConfig adaround_config(StartChoice start = StartChoice::automatic) {
    QuantizationConfig config;
    config.method = "adaround";
    config.start = start;
    return config;
}

Grid minmax(const ExplicitLayer& layer, int bits) {
    return minmax_grid(Granularity::per_channel, layer.weight.view(), bits, 1.0);
}

std::vector<double> errors_of(const ExplicitLayer& layer, const QuantizedWeight& weight) {
    return explicit_squared_error(layer, dequantize(weight));
}

/** Least error of a layer of one channel over the 2^m ways to round each weight down or up. */
double best_rounding(const ExplicitLayer& layer, const Grid& grid) {
    const int64_t m = layer.weight.cols();
    const ChannelLevels levels = grid.levels(0);
    double least = std::numeric_limits<double>::infinity();
    for (int ups = 0; ups < 1 << m; ++ups) {
        Matrix<uint8_t> code(1, m);
        for (int64_t i = 0; i < m; ++i) {
            const double position =
                static_cast<double>(layer.weight(0, i)) / static_cast<double>(levels.scale()) -
                levels.zero_point();
            const double rounded = std::floor(position) + ((ups >> i) & 1);
            code(0, i) = static_cast<uint8_t>(
                std::clamp(rounded, 0.0, static_cast<double>(grid.top_code())));
        }
        least = std::min(least, errors_of(layer, on_grid(std::move(code), grid)).front());
    }
    return least;
}

}  // namespace

TEST_CASE("learned rounding comes close to the best of all roundings, and beats the nearest") {
    for (const int bits : {2, 4}) {
        CAPTURE(bits);
        double nearest = 0, reached = 0, best = 0;
        for (uint64_t seed = 0; seed < 20; ++seed) {
            const ExplicitLayer layer = random_layer(500 + seed, 40, 10, 1);
            const Grid grid = minmax(layer, bits);
            const auto weight = make_method(adaround_config())->solve(layer.problem(bits)).weight;
            const double error = errors_of(layer, weight).front();
            const double of_nearest =
                errors_of(layer, on_grid(rtn_start(layer.weight.view(), grid).bit_code, grid))
                    .front();
            const double least = best_rounding(layer, grid);
            CHECK(error <= of_nearest * (1 + 1e-9));
            CHECK(error >= least * (1 - 1e-6));
            nearest += of_nearest;
            reached += error;
            best += least;
        }
        WARN(bits << " bits: nearest " << nearest / best << ", learned " << reached / best
                  << " times the error of the best rounding");
        CHECK(reached < 1.25 * best);
        CHECK(nearest > 1.3 * best);
    }
}

TEST_CASE("the regularizer decides every weight; without it none has a reason to be") {
    const ExplicitLayer layer = random_layer(521, 200, 40, 6);
    const Grid grid = minmax(layer, 3);
    const auto undecided = [&](double regularization) {
        return learn_rounding(layer.problem(3), grid, float_start(),
                              {.iterations = 2000, .regularization = regularization})
            .undecided;
    };
    CHECK(undecided(100.0) == 0);
    // But a channel's smallest and largest weight stand on levels.
    CHECK(undecided(0.0) > 200);
}

TEST_CASE("learned codes are neighbours of the float weight, or of the start") {
    const ExplicitLayer layer = random_layer(522, 200, 40, 6);
    const Grid grid = minmax(layer, 3);
    const auto begun = look_ahead_start(layer.problem(3), grid, {});
    for (const bool from_codes : {false, true}) {
        const auto found = learn_rounding(layer.problem(3), grid,
                                          from_codes ? begun : float_start(), {.iterations = 500})
                               .bit_code;
        int64_t moved = 0;
        for (int64_t j = 0; j < 6; ++j) {
            const ChannelLevels levels = grid.levels(j);
            for (int64_t i = 0; i < 40; ++i) {
                const double position =
                    static_cast<double>(layer.weight(j, i)) / static_cast<double>(levels.scale()) -
                    levels.zero_point();
                if (!from_codes) {
                    CHECK(std::fabs(position - found(j, i)) < 1.0 + 1e-5);
                    continue;
                }
                const int step = found(j, i) - begun.bit_code(j, i);
                CHECK(std::abs(step) <= 1);
                CHECK(step * (position - begun.bit_code(j, i)) >= 0);
                moved += step != 0 ? 1 : 0;
            }
        }
        if (from_codes) CHECK(moved > 0);
    }
}

TEST_CASE("one step from a start's codes gives these codes") {
    const ExplicitLayer layer = random_layer(523, 200, 40, 6);
    for (const int bits : {2, 4}) {
        const Grid grid = minmax(layer, bits);
        const auto begun = look_ahead_start(layer.problem(bits), grid, {});
        const auto found =
            learn_rounding(layer.problem(bits), grid, begun, {.iterations = 1}).bit_code;
        CHECK(std::equal(found.data(), found.data() + 240, begun.bit_code.data()));
    }
}

TEST_CASE("from the codes of comq_plus, on its grid, no channel gets worse") {
    const ExplicitLayer layer = random_layer(524, 60, 24, 8);
    for (const auto zero_point : {ZeroPoint::whole, ZeroPoint::real}) {
        QuantizationConfig config = adaround_config(StartChoice::comq_plus);
        config.zero_point = zero_point;
        QuantizationConfig other = config;
        other.method = "comq_plus";
        other.start = StartChoice::automatic;
        const auto found = make_method(config)->solve(layer.problem(2)).weight;
        const auto begun = make_method(other)->solve(layer.problem(2)).weight;
        CHECK(std::equal(found.scale.data(), found.scale.data() + 8, begun.scale.data()));
        const auto after = errors_of(layer, found), before = errors_of(layer, begun);
        for (int64_t j = 0; j < 8; ++j) CHECK(after[j] <= before[j] * (1 + 1e-6));
    }
    for (const char* name : {"comq", "comq_plus"}) {
        QuantizationConfig config = adaround_config(StartChoice::comq_plus);
        config.method = name;
        CHECK_THROWS_WITH(make_method(config),
                          ContainsSubstring("is one of quantization.method=adaround"));
    }
}

TEST_CASE("learned rounding does not depend on the number of threads") {
    const ExplicitLayer layer = random_layer(525, 300, 70, 77);
    const auto solve = [&](std::size_t threads) {
        const tbb::global_control limit(
            tbb::global_control::max_allowed_parallelism, threads);
        return learn_rounding(layer.problem(3), minmax(layer, 3), float_start(),
                              {.iterations = 200})
            .bit_code;
    };
    const auto one = solve(1), two = solve(2);
    CHECK(std::equal(one.data(), one.data() + 77 * 70, two.data()));
}

TEST_CASE("inputs that were never active are rounded to nearest, whatever the start") {
    ExplicitLayer layer = random_layer(526, 60, 12, 3);
    for (int64_t row = 0; row < 60; ++row) layer.inputs(row, 5) = 0;
    layer.gram = gram_of(layer.inputs);
    const Grid grid = minmax(layer, 3);
    const auto nearest = rtn_start(layer.weight.view(), grid).bit_code;
    const auto found =
        learn_rounding(layer.problem(3), grid, float_start(), {.iterations = 300}).bit_code;
    for (int64_t j = 0; j < 3; ++j) CHECK(found(j, 5) == nearest(j, 5));
}
