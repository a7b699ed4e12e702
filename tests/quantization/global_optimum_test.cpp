#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "quantization/explicit_reference.hpp"
#include "quantization/method.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

constexpr int64_t inputs = 6;
constexpr int bits = 2;
constexpr int layers = 20;

ExplicitLayer layer_of(int seed) {
    return random_layer(300 + static_cast<uint64_t>(seed), 24, inputs, 1);
}

double error_of(const ExplicitLayer& layer, const QuantizedWeight& weight) {
    return explicit_squared_error(layer, dequantize(weight)).front();
}

/** Calls `visit` with `weight` under each of its 4^6 codes. */
template <typename Visit>
void for_every_code(QuantizedWeight weight, const Visit& visit) {
    for (int combination = 0; combination < 1 << (bits * inputs); ++combination) {
        for (int64_t i = 0; i < inputs; ++i) {
            weight.bit_code(0, i) =
                static_cast<uint8_t>((combination >> (bits * i)) & ((1 << bits) - 1));
        }
        visit(weight);
    }
}

/** Least error over all codes on the grid of `weight`. */
double optimum_on_grid(const ExplicitLayer& layer, const QuantizedWeight& weight) {
    double least = std::numeric_limits<double>::infinity();
    for_every_code(weight, [&](const QuantizedWeight& other) {
        least = std::min(least, error_of(layer, other));
    });
    return least;
}

/** vᵀHu. */
double product(const ExplicitLayer& layer, const std::vector<double>& v,
               const std::vector<double>& u) {
    double sum = 0;
    for (int64_t i = 0; i < inputs; ++i) {
        for (int64_t k = 0; k < inputs; ++k) sum += v[i] * layer.gram(i, k) * u[k];
    }
    return sum;
}

/** Least error over all codes, scales and real zero points: of ρq + γ in closed form. */
double optimum_of_all(const ExplicitLayer& layer, const QuantizedWeight& shape) {
    const std::vector<double> weight(layer.weight.data(), layer.weight.data() + inputs);
    const std::vector<double> ones(inputs, 1.0);
    const double energy = product(layer, weight, weight);
    const double oo = product(layer, ones, ones);
    const double ow = product(layer, ones, weight);
    double least = energy - ow * ow / oo;
    for_every_code(shape, [&](const QuantizedWeight& other) {
        const std::vector<double> q(other.bit_code.data(), other.bit_code.data() + inputs);
        const double qq = product(layer, q, q);
        const double qo = product(layer, q, ones);
        const double qw = product(layer, q, weight);
        const double determinant = qq * oo - qo * qo;
        if (!(determinant > 1e-9 * qq * oo)) return;
        least = std::min(least,
                         energy - (qw * qw * oo - 2 * qw * ow * qo + ow * ow * qq) / determinant);
    });
    return least;
}

QuantizationConfig config_of(const std::string& method) {
    QuantizationConfig config;
    config.method = method;
    config.sweeps = 50;
    return config;
}

}  // namespace

TEST_CASE("no method beats the best of all codes; how far each is from it") {
    std::vector<QuantizationConfig> configs;
    for (const std::string& name : method_names()) configs.push_back(config_of(name));
    configs.push_back(config_of("comq_plus"));
    configs.back().zero_point = ZeroPoint::real;

    std::vector<double> least_of_all;
    std::string table;
    std::vector<double> ratios;
    for (const QuantizationConfig& config : configs) {
        CAPTURE(config.method);
        const auto method = make_method(config);
        double reached = 0;
        double on_grid = 0;
        double of_all = 0;
        int optimal = 0;
        for (int seed = 0; seed < layers; ++seed) {
            const ExplicitLayer layer = layer_of(seed);
            const QuantizedWeight weight = method->solve(layer.problem(bits)).weight;
            const double error = error_of(layer, weight);
            const double least = optimum_on_grid(layer, weight);
            if (std::ssize(least_of_all) == seed) {
                least_of_all.push_back(optimum_of_all(layer, weight));
            }
            CHECK(error >= least * (1 - 1e-5));
            CHECK(least >= least_of_all[seed] * (1 - 1e-4));
            reached += error;
            on_grid += least;
            of_all += least_of_all[seed];
            optimal += error <= least * (1 + 1e-5) ? 1 : 0;
        }
        ratios.push_back(reached / of_all);
        table += fmt::format(
            "\n{}{}: {:.2f} on its own grid ({} of {} layers optimal), {:.2f} of all",
            config.method, config.zero_point == ZeroPoint::real ? ", real zero points" : "",
            reached / on_grid, optimal, layers, reached / of_all);
    }
    WARN("error over the least one, 2 bits, 6 inputs" << table);
    const double ours = ratios.back();
    CHECK(ours < 2.0);
    CHECK(ours == *std::ranges::min_element(ratios));
}

TEST_CASE("where descent with scales ends, no coordinate has a better code") {
    for (const char* name : {"comq", "comq_plus"}) {
        for (const auto start : {StartChoice::automatic, StartChoice::rtn, StartChoice::look_ahead,
                                 StartChoice::weights}) {
            CAPTURE(name, static_cast<int>(start));
            QuantizationConfig config = config_of(name);
            config.start = start;
            const auto method = make_method(config);
            for (int seed = 0; seed < layers; ++seed) {
                const ExplicitLayer layer = layer_of(seed);
                const QuantizedWeight weight = method->solve(layer.problem(bits)).weight;
                const double reached = error_of(layer, weight);
                for (int64_t i = 0; i < inputs; ++i) {
                    for (uint8_t code = 0; code < 1 << bits; ++code) {
                        QuantizedWeight other = weight;
                        other.bit_code(0, i) = code;
                        CHECK(error_of(layer, other) >= reached * (1 - 1e-5));
                    }
                }
            }
        }
    }
}

TEST_CASE("codes that fit the scale they began with are visited again with its minimiser") {
    ExplicitLayer layer{Matrix<double>(4, 4), Matrix<double>(4, 4), Matrix<float>(1, 4)};
    for (int64_t i = 0; i < 4; ++i) layer.inputs(i, i) = layer.gram(i, i) = 1.0;
    const float weights[] = {-0.8F, -1.1F, -0.6F, -0.4F};
    std::ranges::copy(weights, layer.weight.data());
    for (const auto granularity : {Granularity::per_channel, Granularity::per_layer}) {
        DescentOptions options;
        options.sweeps = 20;
        options.scale_update = ScaleUpdate::closed_form;
        options.granularity = granularity;
        options.undo_worse_sweeps = true;
        const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), bits, 1.0);
        const auto result =
            descend(layer.problem(bits), grid, rtn_start(layer.weight.view(), grid), options);
        // Rounding to nearest leaves 0.0243 with the best scale of its codes.
        CHECK(result.squared_error[0] == Approx(0.0054).epsilon(0.01));
    }
}
