#include "quantization/output_metric.hpp"

#include <algorithm>
#include <vector>

#include "core/random.hpp"
#include "quantization/explicit_reference.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

constexpr int64_t rows = 120, m = 24, n = 40;

/** Σ_t g_t·g_tᵀ of gradients with a few directions in common. */
PackedTriangle metric_of(uint64_t seed, int64_t channels, double common) {
    const RandomStream stream(seed, "gradients");
    uint64_t counter = 0;
    PackedTriangle metric(channels);
    std::vector<double> gradient(static_cast<std::size_t>(channels));
    for (int t = 0; t < 200; ++t) {
        const double direction = stream.normal(counter++);
        for (double& value : gradient) value = stream.normal(counter++) + common * direction;
        for (int64_t j = 0; j < channels; ++j) {
            for (int64_t k = 0; k <= j; ++k) metric.row(j)[k] += gradient[j] * gradient[k];
        }
    }
    return metric;
}

struct Problem {
    explicit Problem(uint64_t seed) : layer(test::random_layer(seed, rows, m, n)) {
        gram = test::gram_of(layer.inputs);
        problem.layer = "layer";
        problem.bits = 2;
        problem.weight = layer.weight.view();
        problem.gram = gram.view();
    }
    decltype(test::random_layer(0, 1, 1, 1)) layer;
    Matrix<double> gram;
    GroupProblem problem;
};

std::unique_ptr<Method> method_of(const std::string& name) {
    QuantizationConfig config;
    config.method = name;
    config.zero_point = ZeroPoint::real;
    return make_method(config);
}

/** The sum over rows t of (x_t·E)·G·(x_t·E)ᵀ, from the rows themselves. */
double explicit_energy(const Matrix<double>& inputs, const Matrix<double>& metric,
                       MatrixView<const float> weight, const QuantizedWeight& quantized) {
    const Matrix<float> levels = dequantize(quantized);
    double energy = 0.0;
    std::vector<double> output(static_cast<std::size_t>(weight.rows));
    for (int64_t t = 0; t < inputs.rows(); ++t) {
        for (int64_t j = 0; j < weight.rows; ++j) {
            output[j] = 0.0;
            for (int64_t i = 0; i < weight.cols; ++i) {
                output[j] += inputs(t, i) * (static_cast<double>(weight(j, i)) -
                                             static_cast<double>(levels(j, i)));
            }
        }
        for (int64_t j = 0; j < weight.rows; ++j) {
            for (int64_t k = 0; k < weight.rows; ++k) {
                energy += metric(j, k) * output[j] * output[k];
            }
        }
    }
    return energy;
}

}  // namespace

TEST_CASE("coupled channels leave less of what the gradients ask for") {
    const std::string name = GENERATE("rtn", "gptq", "comq", "comq_plus");
    CAPTURE(name);
    const Problem given(3);
    const auto method = method_of(name);
    const auto metric = metric_of(3, n, 1.0);
    const Solution alone = method->solve(given.problem);
    const CoupledSolution coupled = solve_coupled(*method, given.problem, metric, 1.0, alone);

    const Matrix<double> full = metric.unpacked();
    const auto energy = [&](const QuantizedWeight& weight) {
        return explicit_energy(given.layer.inputs, full, given.problem.weight, weight);
    };
    CHECK(coupled.alone == Approx(energy(alone.weight)).epsilon(1e-5));
    CHECK(coupled.coupled == Approx(energy(coupled.solution.weight)).epsilon(1e-5));
    CHECK(coupled.coupled < 0.8 * coupled.alone);
    const auto& codes = coupled.solution.weight.bit_code;
    CHECK(std::all_of(codes.data(), codes.data() + n * m, [](uint8_t code) { return code < 4; }));
}

TEST_CASE("without couplings channels stay as they are alone") {
    const Problem given(5);
    const auto method = method_of("comq_plus");
    const Solution alone = method->solve(given.problem);
    const auto coupled =
        solve_coupled(*method, given.problem, metric_of(5, n, 1.0), /*share=*/0.0, alone);
    CHECK(coupled.coupled == coupled.alone);
    const Matrix<float> before = dequantize(alone.weight),
                        after = dequantize(coupled.solution.weight);
    CHECK(std::equal(before.data(), before.data() + n * m, after.data()));
}

TEST_CASE("a layer no gradient reaches stays as it is alone") {
    const Problem given(6);
    const auto method = method_of("comq");
    const Solution alone = method->solve(given.problem);
    const auto coupled = solve_coupled(*method, given.problem, PackedTriangle(n), 1.0, alone);
    CHECK(coupled.coupled == coupled.alone);
}

TEST_CASE("groups of a convolution are coupled each by itself") {
    constexpr int64_t groups = 2;
    const Problem first(7), second(8);
    LayerStatistics statistics;
    statistics.in_features = m;
    statistics.groups = groups;
    Matrix<float> weight(groups * n, m);
    for (const Problem* part : {&first, &second}) {
        PackedTriangle gram(m);
        for (int64_t i = 0; i < m; ++i) std::copy_n(part->gram.row(i), i + 1, gram.row(i));
        std::copy_n(part->layer.weight.data(), n * m,
                    weight.row(n * std::ssize(statistics.grams[statistic::gram])));
        statistics.grams[statistic::gram].push_back(gram);
        statistics.output_metric.push_back(metric_of(statistics.output_metric.size(), n, 1.0));
    }
    const auto method = method_of("comq_plus");
    const Solution alone = solve_layer(*method, "layer", weight.view(), statistics, 2);
    const Solution coupled =
        solve_coupled_layer(*method, "layer", weight.view(), statistics, 2, 0.9, alone);
    const auto check_group = [&](const Problem& part, int64_t group) {
        const auto own = solve_coupled(*method, part.problem, statistics.output_metric[group], 0.9,
                                       method->solve(part.problem));
        CHECK(std::equal(own.solution.weight.bit_code.data(),
                         own.solution.weight.bit_code.data() + n * m,
                         coupled.weight.bit_code.row(group * n)));
    };
    check_group(first, 0);
    check_group(second, 1);
}
