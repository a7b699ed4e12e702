#include <algorithm>
#include <vector>

#include "core/random.hpp"
#include "quantization/cholesky.hpp"
#include "quantization/explicit_reference.hpp"
#include "quantization/propagation.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** The rows of one layer in both networks, and what its stream has lost. */
struct StreamedLayer {
    Matrix<double> exact;  ///< X [N, m]
    Matrix<double> seen;   ///< X̃
    Matrix<double> lost;   ///< R − R̃ [N, n]
    Matrix<float> weight;  ///< [n, m]
    LayerStatistics statistics;

    const PackedTriangle& paired() const {
        return statistics.grams.at(statistic::paired_gram).front();
    }
};

StreamedLayer streamed_layer(uint64_t seed, int64_t rows, int64_t m, int64_t n) {
    auto layer = test::random_layer(seed, rows, m, n);
    StreamedLayer both{layer.inputs, layer.inputs, Matrix<double>(rows, n), layer.weight, {}};
    const RandomStream stream(seed, "disturbance");
    for (int64_t k = 0; k < rows * m; ++k) {
        both.seen.data()[k] += 0.2 * stream.normal(static_cast<uint64_t>(k));
    }
    // A part that the layer's inputs tell, and one that they don't.
    const RandomStream losses(seed, "losses");
    for (int64_t t = 0; t < rows; ++t) {
        for (int64_t j = 0; j < n; ++j) {
            both.lost(t, j) =
                0.4 * both.seen(t, j % m) + 0.3 * losses.normal(static_cast<uint64_t>(t * n + j));
        }
    }
    Matrix<double> joined(rows, 2 * m);
    for (int64_t t = 0; t < rows; ++t) {
        std::copy_n(both.seen.row(t), m, joined.row(t));
        std::copy_n(both.exact.row(t), m, joined.row(t) + m);
    }
    const Matrix<double> gram = test::gram_of(joined);
    PackedTriangle paired(2 * m);
    for (int64_t i = 0; i < 2 * m; ++i) std::copy_n(gram.row(i), i + 1, paired.row(i));
    both.statistics.in_features = m;
    both.statistics.grams[statistic::paired_gram] = {paired};
    Matrix<double> moment(n, m);
    for (int64_t t = 0; t < rows; ++t) {
        for (int64_t j = 0; j < n; ++j) {
            for (int64_t i = 0; i < m; ++i) moment(j, i) += both.lost(t, j) * both.seen(t, i);
        }
    }
    both.statistics.residual_moment = {moment};
    return both;
}

/** ‖XW + b·(R − R̃) − X̃w‖², from the rows. */
double explicit_error(const StreamedLayer& both, double b, const Matrix<float>& weight) {
    double error = 0.0;
    for (int64_t t = 0; t < both.exact.rows(); ++t) {
        for (int64_t j = 0; j < weight.rows(); ++j) {
            double difference = b * both.lost(t, j);
            for (int64_t i = 0; i < weight.cols(); ++i) {
                difference += both.exact(t, i) * static_cast<double>(both.weight(j, i)) -
                              both.seen(t, i) * static_cast<double>(weight(j, i));
            }
            error += difference * difference;
        }
    }
    return error;
}

Matrix<float> target(const StreamedLayer& both, double a, double b) {
    const auto inputs = propagated_shift(both.paired(), both.weight.view());
    const auto stream = residual_shift(both.paired(), both.statistics.residual_moment.front());
    const auto moved = propagated_target(both.weight.view(), inputs, a);
    return propagated_target(moved.view(), stream, b);
}

}  // namespace

TEST_CASE("the residual target is the least-squares weight of explicit rows") {
    const auto both = streamed_layer(31, 500, 14, 6);
    const double b = GENERATE(0.5, 1.0);
    const auto found = target(both, 1.0, b);
    const double least = explicit_error(both, b, found);
    CHECK(least < explicit_error(both, b, target(both, 1.0, 0.0)));
    CHECK(least < explicit_error(both, b, target(both, 0.0, b)));
    // The damping of 1% keeps it just short of the solution of the normal equations.
    Matrix<double> normal(14, 14);
    Matrix<double> exact(6, 14);
    for (int64_t t = 0; t < both.seen.rows(); ++t) {
        for (int64_t i = 0; i < 14; ++i) {
            for (int64_t k = 0; k < 14; ++k) normal(i, k) += both.seen(t, i) * both.seen(t, k);
            for (int64_t j = 0; j < 6; ++j) {
                double wanted = b * both.lost(t, j);
                for (int64_t k = 0; k < 14; ++k) {
                    wanted += both.exact(t, k) * static_cast<double>(both.weight(j, k));
                }
                exact(j, i) += both.seen(t, i) * wanted;
            }
        }
    }
    REQUIRE(factor_cholesky(normal));
    solve_cholesky(normal, exact);
    Matrix<float> best(6, 14);
    for (int64_t k = 0; k < 6 * 14; ++k) best.data()[k] = static_cast<float>(exact.data()[k]);
    const double optimum = explicit_error(both, b, best);
    CHECK(least >= optimum * (1 - 1e-6));
    CHECK(least < 1.02 * optimum);
}

TEST_CASE("a stream that has lost nothing moves no target") {
    auto both = streamed_layer(32, 200, 10, 4);
    both.statistics.residual_moment = {Matrix<double>(4, 10)};
    CHECK(std::ranges::equal(std::span(target(both, 0.5, 1.0).data(), 40),
                             std::span(target(both, 0.5, 0.0).data(), 40)));
}

TEST_CASE("the strength of a residual target is chosen after that of the inputs") {
    const auto both = streamed_layer(33, 300, 16, 8);
    const auto method = make_method({});
    std::vector<double> losses;
    const auto loss = [&](const Solution& solution) {
        losses.push_back(explicit_error(both, 1.0, dequantize(solution.weight)));
        return losses.back();
    };
    const auto solve = [&](const PropagationStrengths& strengths) {
        losses.clear();
        return solve_propagated(*method, "layer", both.weight.view(), both.statistics, 4, strengths,
                                loss);
    };
    const auto chosen = solve({std::nullopt, std::nullopt});
    // Of four strengths of the inputs and three more of the stream.
    CHECK(losses.size() == 5);
    CHECK(explicit_error(both, 1.0, dequantize(chosen.solution.weight)) ==
          *std::ranges::min_element(losses));
    REQUIRE(chosen.residual.has_value());
    CHECK(*chosen.residual > 0.0);

    const auto given = solve({0.5, 1.0});
    CHECK(losses.empty());
    CHECK(given.strength == 0.5);
    CHECK(given.residual == 1.0);
    CHECK(explicit_error(both, 1.0, dequantize(given.solution.weight)) <
          explicit_error(both, 1.0, dequantize(solve({0.5, 0.0}).solution.weight)));

    const auto known_inputs = solve({1.0, std::nullopt});
    CHECK(losses.size() == 3);
    CHECK(known_inputs.strength == 1.0);
}

TEST_CASE("a layer without a stream has no strength of one") {
    auto both = streamed_layer(34, 200, 10, 4);
    both.statistics.residual_moment.clear();
    const auto found = solve_propagated(*make_method({}), "layer", both.weight.view(),
                                        both.statistics, 4, {0.5, std::nullopt}, {});
    CHECK_FALSE(found.residual.has_value());
    CHECK(found.strength == 0.5);
}

TEST_CASE("groups of a convolution have residual targets of their own") {
    const auto first = streamed_layer(35, 200, 9, 4);
    const auto second = streamed_layer(36, 200, 9, 4);
    LayerStatistics statistics;
    statistics.in_features = 9;
    statistics.groups = 2;
    statistics.grams[statistic::paired_gram] = {first.paired(), second.paired()};
    statistics.residual_moment = {first.statistics.residual_moment.front(),
                                  second.statistics.residual_moment.front()};
    Matrix<float> weight(8, 9);
    std::copy_n(first.weight.data(), 36, weight.row(0));
    std::copy_n(second.weight.data(), 36, weight.row(4));
    const auto method = make_method({});
    const PropagationStrengths both{0.5, 1.0};
    const auto whole = solve_propagated(*method, "layer", weight.view(), statistics, 4, both, {});
    const auto part =
        solve_propagated(*method, "layer", second.weight.view(), second.statistics, 4, both, {});
    for (int64_t j = 0; j < 4; ++j) {
        for (int64_t i = 0; i < 9; ++i) {
            CHECK(whole.solution.weight.bit_code(4 + j, i) == part.solution.weight.bit_code(j, i));
        }
    }
}

TEST_CASE("GPFQ fits the moved weight where there is a stream") {
    const auto both = streamed_layer(37, 300, 12, 5);
    QuantizationConfig config;
    config.method = "gpfq";
    const auto method = make_method(config);
    const auto solve = [&](double b) {
        return solve_propagated(*method, "layer", both.weight.view(), both.statistics, 6, {1.0, b},
                                {});
    };
    CHECK(explicit_error(both, 1.0, dequantize(solve(1.0).solution.weight)) <
          explicit_error(both, 1.0, dequantize(solve(0.0).solution.weight)));
}
