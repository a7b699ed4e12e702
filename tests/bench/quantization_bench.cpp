// Speed of the solver by layer shape. The rate counts 2·m²·n operations a sweep, as a sweep that
// updates r for every coordinate would take; later sweeps take far fewer.
#include <benchmark/benchmark.h>
#include <tbb/global_control.h>

#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "core/random.hpp"
#include "quantization/gram_panels.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/method.hpp"
#include "quantization/order.hpp"

namespace {

using namespace comq;

struct Layer {
    Matrix<double> gram;
    Matrix<float> weight;

    GroupProblem problem(int bits) const {
        GroupProblem problem;
        problem.layer = "benchmark";
        problem.bits = bits;
        problem.weight = weight.view();
        problem.gram = gram.view();
        return problem;
    }
};

/** A Gram of a few strong shared directions on a diagonal of unequal norms; built once a shape. */
const Layer& layer_of(int64_t m, int64_t n) {
    static std::map<std::pair<int64_t, int64_t>, std::unique_ptr<Layer>> layers;
    std::unique_ptr<Layer>& layer = layers[{m, n}];
    if (layer) return *layer;
    layer = std::make_unique<Layer>(Layer{Matrix<double>(m, m), Matrix<float>(n, m)});
    constexpr int64_t directions = 16;
    const RandomStream random(7, "benchmark layer");
    Matrix<double> direction(m, directions);
    for (int64_t k = 0; k < m * directions; ++k) direction.data()[k] = random.normal(k);
    for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < m; ++j) {
            double sum = i == j ? 20.0 * std::exp(0.5 * random.normal(1'000'000'000 + i)) : 0.0;
            for (int64_t k = 0; k < directions; ++k) sum += direction(i, k) * direction(j, k);
            layer->gram(i, j) = 1000.0 * sum;
        }
    }
    const RandomStream weights = random.child("weight");
    for (int64_t k = 0; k < m * n; ++k) {
        layer->weight.data()[k] = static_cast<float>(0.05 * weights.normal(k));
    }
    return *layer;
}

void count_operations(benchmark::State& state, double operations) {
    state.counters["GFLOP/s"] =
        benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

void solve(benchmark::State& state, Preset preset, Order order) {
    const int64_t m = state.range(0);
    const int64_t n = state.range(1);
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(state.range(3)));
    QuantizationConfig config;
    config.preset = preset;
    config.scale_update = preset == Preset::paper ? ScaleUpdate::closed_form : ScaleUpdate::none;
    config.order = order;
    config.sweeps = static_cast<int>(state.range(2));
    const auto method = make_method(config);
    const GroupProblem problem = layer_of(m, n).problem(4);
    for ([[maybe_unused]] auto iteration : state) {
        benchmark::DoNotOptimize(method->solve(problem));
    }
    count_operations(state, 2.0 * static_cast<double>(m * m * n * state.range(2)));
}

void shapes(benchmark::internal::Benchmark* bench) {
    bench->ArgNames({"m", "n", "sweeps", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
    for (const int64_t threads : {1, 2}) {
        for (const int64_t sweeps : {1, 4}) {
            bench->Args({192, 576, sweeps, threads});
            bench->Args({768, 768, sweeps, threads});
            bench->Args({768, 2304, sweeps, threads});
            bench->Args({768, 3072, sweeps, threads});
            bench->Args({3072, 768, sweeps, threads});
        }
    }
}

BENCHMARK_CAPTURE(solve, authors_code_greedy, Preset::authors_code, Order::greedy)->Apply(shapes);
BENCHMARK_CAPTURE(solve, authors_code_cyclic, Preset::authors_code, Order::cyclic)->Apply(shapes);
BENCHMARK_CAPTURE(solve, paper_greedy, Preset::paper, Order::greedy)->Apply(shapes);

void panels(benchmark::State& state) {
    const Layer& layer = layer_of(state.range(0), 32);
    for ([[maybe_unused]] auto iteration : state) {
        benchmark::DoNotOptimize(GramPanels(layer.gram.view()));
    }
}
BENCHMARK(panels)->Arg(768)->Arg(3072)->Unit(benchmark::kMillisecond);

void products(benchmark::State& state) {
    const int64_t m = state.range(0);
    const Layer& layer = layer_of(m, 192);
    const GramPanels gram(layer.gram.view());
    for ([[maybe_unused]] auto iteration : state) {
        benchmark::DoNotOptimize(gram_products(gram, layer.weight.view()));
    }
    count_operations(state, 2.0 * static_cast<double>(m * m * 192));
}
BENCHMARK(products)->Arg(192)->Arg(768)->Arg(3072)->Unit(benchmark::kMillisecond);

void order(benchmark::State& state) {
    const int64_t m = state.range(0);
    const Layer& layer = layer_of(m, 192);
    const std::vector<float> norm = order_norms(layer.problem(4));
    for ([[maybe_unused]] auto iteration : state) {
        benchmark::DoNotOptimize(
            greedy_order(norm, {layer.weight.row(0), static_cast<std::size_t>(m)}));
    }
}
BENCHMARK(order)->Arg(192)->Arg(768)->Arg(3072)->Unit(benchmark::kMicrosecond);

void energies(benchmark::State& state) {
    const int64_t m = state.range(0);
    const Layer& layer = layer_of(m, 192);
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, 1);
    for ([[maybe_unused]] auto iteration : state) {
        benchmark::DoNotOptimize(channel_energies(layer.gram.view(), layer.weight.view()));
    }
    count_operations(state, static_cast<double>(m * m * 192));
}
BENCHMARK(energies)->Arg(192)->Arg(768)->Arg(3072)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
