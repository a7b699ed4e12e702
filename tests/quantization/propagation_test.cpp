#include "quantization/propagation.hpp"

#include <algorithm>
#include <vector>

#include "core/random.hpp"
#include "quantization/cholesky.hpp"
#include "quantization/explicit_reference.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** The rows of one layer in both networks; the quantized one's are disturbed. */
struct TwoNetworks {
    Matrix<double> exact;   ///< X [N, m]
    Matrix<double> seen;    ///< X̃
    Matrix<float> weight;   ///< [n, m]
    PackedTriangle paired;  ///< of [x̃ x]
    LayerStatistics statistics;
};

TwoNetworks two_networks(uint64_t seed, int64_t rows, int64_t m, int64_t n, double disturbance) {
    auto layer = test::random_layer(seed, rows, m, n);
    TwoNetworks both{layer.inputs, layer.inputs, layer.weight, PackedTriangle(2 * m), {}};
    const RandomStream stream(seed, "disturbance");
    for (int64_t k = 0; k < rows * m; ++k) {
        both.seen.data()[k] +=
            disturbance * (0.3 * both.exact.data()[k] + stream.normal(static_cast<uint64_t>(k)));
    }
    Matrix<double> joined(rows, 2 * m);
    for (int64_t t = 0; t < rows; ++t) {
        std::copy_n(both.seen.row(t), m, joined.row(t));
        std::copy_n(both.exact.row(t), m, joined.row(t) + m);
    }
    const Matrix<double> gram = test::gram_of(joined);
    for (int64_t i = 0; i < 2 * m; ++i) std::copy_n(gram.row(i), i + 1, both.paired.row(i));
    both.statistics.in_features = m;
    both.statistics.grams[statistic::paired_gram] = {both.paired};
    return both;
}

/** ‖Xw − X̃wq‖² summed over channels, from the rows. */
double explicit_error(const TwoNetworks& both, const Matrix<float>& quantized) {
    double error = 0.0;
    for (int64_t t = 0; t < both.exact.rows(); ++t) {
        for (int64_t j = 0; j < quantized.rows(); ++j) {
            double difference = 0.0;
            for (int64_t i = 0; i < quantized.cols(); ++i) {
                difference += both.exact(t, i) * static_cast<double>(both.weight(j, i)) -
                              both.seen(t, i) * static_cast<double>(quantized(j, i));
            }
            error += difference * difference;
        }
    }
    return error;
}

}  // namespace

TEST_CASE("a factored system is solved for every right side") {
    const auto layer = test::random_layer(21, 200, 37, 1);
    Matrix<double> lower = layer.gram;
    REQUIRE(factor_cholesky(lower));
    const RandomStream stream(3, "right sides");
    const int64_t sides = GENERATE(1, 16, 21);
    Matrix<double> wanted(sides, 37);
    for (int64_t k = 0; k < sides * 37; ++k) {
        wanted.data()[k] = stream.normal(static_cast<uint64_t>(k));
    }
    Matrix<double> solved(sides, 37);
    for (int64_t b = 0; b < sides; ++b) {
        for (int64_t i = 0; i < 37; ++i) {
            for (int64_t k = 0; k < 37; ++k) solved(b, i) += layer.gram(i, k) * wanted(b, k);
        }
    }
    solve_cholesky(lower, solved);
    for (int64_t k = 0; k < sides * 37; ++k) {
        CHECK(solved.data()[k] == Approx(wanted.data()[k]).margin(1e-9));
    }
}

TEST_CASE("the error between two networks comes from the joint Gram as from the rows") {
    const auto both = two_networks(22, 60, 12, 5, 0.2);
    Matrix<float> quantized = both.weight;
    for (int64_t k = 0; k < 60; ++k) quantized.data()[k] += 0.01F * static_cast<float>(k % 7 - 3);
    CHECK(propagated_error(both.paired, both.weight.view(), quantized.view()) ==
          Approx(explicit_error(both, quantized)).epsilon(1e-9));
}

TEST_CASE("the target makes up for the error of the inputs in proportion to its strength") {
    const auto both = two_networks(23, 400, 16, 6, 0.3);
    const auto shift = propagated_shift(both.paired, both.weight.view());
    const auto target = [&](double strength) {
        return propagated_target(both.weight.view(), shift, strength);
    };
    const auto none = target(0.0);
    CHECK(std::equal(none.data(), none.data() + 96, both.weight.data()));
    const double full = explicit_error(both, target(1.0));
    const double half = explicit_error(both, target(0.5));
    CHECK(full < half);
    CHECK(half < explicit_error(both, none));
    // No step from the least-squares solution helps; 1% damping keeps the target just short of it.
    auto nudged = target(1.0);
    for (int64_t k = 0; k < 96; ++k) nudged.data()[k] *= 0.98F;
    CHECK(full < explicit_error(both, nudged));
}

TEST_CASE("with equal inputs propagation changes nothing") {
    const auto both = two_networks(24, 300, 20, 8, 0.0);
    const auto target = propagated_target(both.weight.view(),
                                          propagated_shift(both.paired, both.weight.view()), 1.0);
    for (int64_t k = 0; k < 160; ++k) {
        CHECK(target.data()[k] == Approx(both.weight.data()[k]).margin(1e-6));
    }
}

TEST_CASE("the strength is the best of the offered ones on held-out rows") {
    auto both = two_networks(25, 300, 24, 10, 0.25);
    const auto held_out = two_networks(26, 300, 24, 10, 0.25);
    both.statistics.grams[statistic::heldout_paired_gram] = {held_out.paired};
    QuantizationConfig config;
    const auto method = make_method(config);
    const auto held_out_error = [&](const Solution& solution) {
        return propagated_error(held_out.paired, both.weight.view(),
                                dequantize(solution.weight).view());
    };
    const auto solve = [&](std::optional<double> strength) {
        return solve_propagated(*method, "layer", both.weight.view(), both.statistics, 3,
                                {strength}, [&](const Solution& solution) {
                                    const double error = heldout_propagated_error(
                                        both.statistics, both.weight.view(), solution.weight);
                                    CHECK(error == held_out_error(solution));
                                    return error;
                                });
    };
    const auto chosen = solve(std::nullopt);
    CHECK(std::ranges::count(propagation_strengths, chosen.strength) == 1);
    for (const double strength : propagation_strengths) {
        CHECK(held_out_error(chosen.solution) <= held_out_error(solve(strength).solution));
    }
}

TEST_CASE("the search for a strength goes to better neighbours from wherever it begins") {
    const auto both = two_networks(25, 300, 24, 10, 0.25);
    const auto method = make_method({});
    int trials = 0;
    const auto strength_from = [&](double likely, const PropagationLoss& loss) {
        trials = 0;
        const auto counted = [&](const Solution& solution) {
            ++trials;
            return loss(solution);
        };
        const PropagationStrengths strengths{.inputs = {}, .likely_inputs = likely};
        return solve_propagated(*method, "layer", both.weight.view(), both.statistics, 3, strengths,
                                counted)
            .strength;
    };
    const auto error = [&](const Solution& solution) {
        return explicit_error(both, dequantize(solution.weight));
    };
    for (const double likely : propagation_strengths) {
        CHECK(strength_from(likely, error) == 1.0);
        CHECK(trials == (likely == 1.0 ? 2 : likely == 0.0 ? 4 : likely == 0.25 ? 4 : 3));
        // Of equals the least.
        CHECK(strength_from(likely, [](const Solution&) { return 1.0; }) == 0.0);
    }
}

TEST_CASE("groups of a convolution are propagated one by one") {
    const auto first = two_networks(27, 200, 9, 4, 0.3);
    const auto second = two_networks(28, 200, 9, 4, 0.3);
    LayerStatistics statistics;
    statistics.in_features = 9;
    statistics.groups = 2;
    statistics.grams[statistic::paired_gram] = {first.paired, second.paired};
    Matrix<float> weight(8, 9);
    std::copy_n(first.weight.data(), 36, weight.row(0));
    std::copy_n(second.weight.data(), 36, weight.row(4));
    const auto method = make_method({});
    const auto whole = solve_propagated(*method, "layer", weight.view(), statistics, 4, {0.5}, {});
    const auto part =
        solve_propagated(*method, "layer", second.weight.view(), second.statistics, 4, {0.5}, {});
    for (int64_t j = 0; j < 4; ++j) {
        for (int64_t i = 0; i < 9; ++i) {
            CHECK(whole.solution.weight.bit_code(4 + j, i) == part.solution.weight.bit_code(j, i));
        }
    }
}

TEST_CASE("GPFQ on quantized inputs follows the sums of the inputs visited so far") {
    // The recursion of arXiv 2201.11113 on explicit rows: u_t = u_{t−1} + x_t·w_t − x̃_t·q_t.
    const int64_t rows = 150;
    const int64_t m = 18;
    const auto both = two_networks(29, rows, m, 7, 0.3);
    QuantizationConfig config;
    config.method = "gpfq";
    config.order = Order::cyclic;
    const double strength = GENERATE(0.5, 1.0);
    const auto found = solve_propagated(*make_method(config), "layer", both.weight.view(),
                                        both.statistics, 3, {strength}, {});
    const Grid grid = minmax_grid(Granularity::per_channel, both.weight.view(), 3, 1.0);
    for (int64_t j = 0; j < both.weight.rows(); ++j) {
        const ChannelLevels levels = grid.levels(j);
        std::vector<double> u(static_cast<std::size_t>(rows), 0.0);
        for (int64_t i = 0; i < m; ++i) {
            double product = 0.0;
            double norm = 0.0;
            for (int64_t t = 0; t < rows; ++t) {
                const double x = both.seen(t, i) + strength * (both.exact(t, i) - both.seen(t, i));
                u[t] += x * static_cast<double>(both.weight(j, i));
                product += both.seen(t, i) * u[t];
                norm += both.seen(t, i) * both.seen(t, i);
            }
            const int code = levels.nearest(product / norm);
            CAPTURE(j, i);
            REQUIRE(found.solution.weight.bit_code(j, i) == code);
            const double level = levels.multiple(code) * static_cast<double>(levels.scale());
            for (int64_t t = 0; t < rows; ++t) u[t] -= both.seen(t, i) * level;
        }
    }
}
