#include <algorithm>
#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "quantization/explicit_reference.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/method.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

QuantizationConfig beacon(int sweeps) {
    QuantizationConfig config;
    config.method = "beacon";
    config.order = Order::cyclic;
    config.sweeps = sweeps;
    return config;
}

/** cos∠(Xa, Xb) from the rows themselves, over the first `count` inputs. */
double cosine(const ExplicitLayer& layer, const std::vector<double>& a,
              const std::vector<double>& b, int64_t count) {
    double dot = 0;
    double a_energy = 0;
    double b_energy = 0;
    for (int64_t t = 0; t < layer.inputs.rows(); ++t) {
        double a_output = 0;
        double b_output = 0;
        for (int64_t i = 0; i < count; ++i) {
            a_output += layer.inputs(t, i) * a[i];
            b_output += layer.inputs(t, i) * b[i];
        }
        dot += a_output * b_output;
        a_energy += a_output * a_output;
        b_energy += b_output * b_output;
    }
    return dot / std::sqrt(a_energy * b_energy);
}

/**
 * The paper's algorithm with output vectors of N rows and every level tried; of equals the one
 * nearest to the weight where the largest has the outermost level.
 */
std::vector<double> textbook_beacon(const ExplicitLayer& layer, int64_t channel, int bits,
                                    int sweeps) {
    const int64_t m = layer.weight.cols();
    const std::vector<double> weight(layer.weight.row(channel), layer.weight.row(channel) + m);
    double largest = 0;
    for (const double value : weight) largest = std::max(largest, std::fabs(value));
    const double outermost = 0.5 * ((1 << bits) - 1);
    std::vector<double> level(static_cast<std::size_t>(m), 0.0);
    for (int pass = 0; pass <= sweeps; ++pass) {
        for (int64_t i = 0; i < m; ++i) {
            const int64_t count = pass == 0 ? i + 1 : m;
            double best = pass == 0 ? -INFINITY : cosine(layer, weight, level, count);
            double best_level = level[i];
            for (int code = 0; code < (1 << bits); ++code) {
                level[i] = code - 0.5 * ((1 << bits) - 1);
                const double tried = cosine(layer, weight, level, count);
                const auto distance = [&](double tried_level) {
                    return std::fabs(tried_level - weight[i] * outermost / largest);
                };
                const bool nearer = distance(level[i]) < distance(best_level);
                if (tried > best + 1e-12 || (pass == 0 && tried > best - 1e-12 && nearer)) {
                    best = tried;
                    best_level = level[i];
                }
            }
            level[i] = best_level;
        }
    }
    return level;
}

}  // namespace

TEST_CASE("Beacon's codes are those of its algorithm on the rows themselves") {
    const ExplicitLayer layer = random_layer(601, 60, 14, 8);
    const int bits = GENERATE(2, 3);
    const int sweeps = GENERATE(1, 3);
    const QuantizedWeight found = make_method(beacon(sweeps))->solve(layer.problem(bits)).weight;
    for (int64_t j = 0; j < 8; ++j) {
        const std::vector<double> expected = textbook_beacon(layer, j, bits, sweeps);
        CAPTURE(bits, sweeps, j);
        for (int64_t i = 0; i < 14; ++i) {
            CHECK(found.bit_code(j, i) + found.zero_point(j, 0) == expected[i]);
        }
        // The scale is the closed-form one.
        double numerator = 0;
        double denominator = 0;
        for (int64_t i = 0; i < 14; ++i) {
            for (int64_t k = 0; k < 14; ++k) {
                numerator += expected[i] * layer.gram(i, k) * layer.weight(j, k);
                denominator += expected[i] * layer.gram(i, k) * expected[k];
            }
        }
        CHECK(found.scale(j, 0) == Approx(numerator / denominator));
    }
}

TEST_CASE("Beacon has one scale a channel") {
    QuantizationConfig config = beacon(1);
    config.granularity = Granularity::per_group;
    CHECK_THROWS_AS(make_method(config), UsageError);
}

TEST_CASE("Beacon uses the levels that more bits give it") {
    const ExplicitLayer layer = random_layer(602, 400, 48, 16);
    std::vector<double> errors;
    for (const int bits : {2, 3, 4, 6}) {
        for (const Order order : {Order::greedy, Order::cyclic}) {
            QuantizationConfig config = beacon(4);
            config.order = order;
            const GroupProblem problem = layer.problem(bits);
            const LayerError error = group_error(problem.gram, problem.weight,
                                                 make_method(config)->solve(problem).weight);
            if (errors.size() >= 2) CHECK(error.relative_error < 0.7 * errors[errors.size() - 2]);
            errors.push_back(error.relative_error);
        }
    }
}
