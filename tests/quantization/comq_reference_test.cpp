#include <fmt/format.h>

#include <algorithm>

#include "quantization/explicit_reference.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/method.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

QuantizationConfig comq_config(Preset preset, Granularity granularity, Order order, int sweeps) {
    QuantizationConfig config;
    config.method = "comq";
    config.preset = preset;
    config.granularity = granularity;
    config.order = order;
    config.sweeps = sweeps;
    config.scale_update = preset == Preset::paper ? ScaleUpdate::closed_form : ScaleUpdate::none;
    return config;
}

Grid starting_grid(const QuantizationConfig& config, const ExplicitLayer& layer, int bits) {
    if (config.granularity == Granularity::per_channel) {
        return minmax_grid(Granularity::per_channel, layer.weight.view(), bits, config.scalar);
    }
    return config.preset == Preset::paper
               ? symmetric_grid_per_layer(layer.weight.view(), bits, config.scalar)
               : minmax_grid(Granularity::per_layer, layer.weight.view(), bits, config.scalar);
}

}  // namespace

// Codes are compared exactly: the Gram form and the explicit form differ by rounding, about 1e-7
// of a step with fp32 sums over a few moves, and no target of these seeds is that near to a tie.
TEST_CASE("comq equals the explicit algorithm on rows") {
    const auto preset = GENERATE(Preset::authors_code, Preset::paper);
    const auto granularity = GENERATE(Granularity::per_channel, Granularity::per_layer);
    const auto order = GENERATE(Order::cyclic, Order::greedy);
    const int sweeps = GENERATE(1, 2, 4);
    const int bits = GENERATE(2, 3, 4, 8);
    CAPTURE(static_cast<int>(preset), static_cast<int>(granularity), static_cast<int>(order),
            sweeps, bits);

    const ExplicitLayer layer = random_layer(11, 96, 37, 13);
    QuantizationConfig config = comq_config(preset, granularity, order, sweeps);
    config.scalar = bits == 2 ? 0.65 : 1.0;
    const Solution solution = make_method(config)->solve(layer.problem(bits));
    const ExplicitSolution expected = explicit_comq(
        layer, starting_grid(config, layer, bits), order, sweeps, config.scale_update, granularity);

    int64_t different = 0;
    for (int64_t j = 0; j < 13; ++j) {
        for (int64_t i = 0; i < 37; ++i) {
            different += solution.weight.bit_code(j, i) != expected.bit_code(j, i);
        }
        // Both round the minimiser to fp32 from sums that differ in their last digits.
        CHECK(solution.weight.scale(j, 0) == Approx(expected.scale[j]).epsilon(1e-6));
    }
    CHECK(different == 0);
    const LayerError error = group_error(layer.gram.view(), layer.weight.view(), solution.weight);
    double squared = 0;
    for (const double channel : expected.squared_error) squared += channel;
    // The stored weight is scale·(code + zero) in fp32.
    CHECK(error.error == Approx(std::sqrt(squared)).epsilon(1e-5));
    CHECK(*std::max_element(solution.weight.bit_code.row(0),
                            solution.weight.bit_code.row(0) + 13 * 37) < (1 << bits));
}

TEST_CASE("comq is below RTN on the same grid when its sweeps have converged") {
    const ExplicitLayer layer = random_layer(5, 200, 48, 24);
    for (const int bits : {2, 3, 4}) {
        QuantizationConfig config =
            comq_config(Preset::paper, Granularity::per_channel, Order::greedy, 4);
        const Solution ours = make_method(config)->solve(layer.problem(bits));
        config.method = "rtn";
        const Solution rtn = make_method(config)->solve(layer.problem(bits));
        const auto error = [&](const Solution& solution) {
            return group_error(layer.gram.view(), layer.weight.view(), solution.weight)
                .relative_error;
        };
        CAPTURE(bits);
        CHECK(error(ours) < error(rtn));
        CHECK(rtn.sweeps == 0);
        CHECK(ours.sweeps >= 1);
        CHECK(ours.sweeps <= 4);
    }
}

TEST_CASE("a denser grid and more sweeps do not raise comq's error") {
    const ExplicitLayer layer = random_layer(6, 200, 48, 24);
    double previous = INFINITY;
    for (int bits = 2; bits <= 8; ++bits) {
        const Solution solution =
            make_method(comq_config(Preset::paper, Granularity::per_channel, Order::greedy, 4))
                ->solve(layer.problem(bits));
        const double error =
            group_error(layer.gram.view(), layer.weight.view(), solution.weight).error;
        CAPTURE(bits);
        CHECK(error < previous);
        previous = error;
    }
}

TEST_CASE("gpfq is one path in the stored order") {
    const ExplicitLayer layer = random_layer(12, 96, 37, 13);
    QuantizationConfig config;
    config.method = "gpfq";
    config.order = Order::cyclic;
    const Solution solution = make_method(config)->solve(layer.problem(3));
    const ExplicitSolution expected =
        explicit_comq(layer, minmax_grid(Granularity::per_channel, layer.weight.view(), 3, 1.0),
                      Order::cyclic, 1, ScaleUpdate::none, Granularity::per_channel);
    CHECK(std::equal(expected.bit_code.data(), expected.bit_code.data() + 37 * 13,
                     solution.weight.bit_code.data()));
}
