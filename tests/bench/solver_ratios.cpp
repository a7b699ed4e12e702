#include "bench/solver_ratios.hpp"

#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

#include <nlohmann/json.hpp>

#include "bench/explicit_comq.hpp"
#include "bench/measurements.hpp"
#include "calibration/gram_collector.hpp"
#include "core/threads.hpp"
#include "networks/layers.hpp"
#include "quantization/method.hpp"

namespace comq::bench {

namespace {

QuantizationConfig authors_config() {
    QuantizationConfig config;
    config.preset = Preset::authors_code;
    config.scale_update = ScaleUpdate::none;
    config.sweeps = 1;
    return config;
}

/** A Linear layer with random weights, and the Gram of random rows. */
struct BenchLayer {
    Linear linear;
    torch::Tensor inputs;

    BenchLayer(int64_t m, int64_t n, int64_t rows) : linear(m, n), inputs(random_rows(rows, m, 3)) {
        linear->set_name("benchmark");
        const torch::NoGradGuard no_grad;
        linear->weight().copy_(0.05 * torch::randn({n, m}));
    }

    MatrixView<const float> weight() {
        return {linear->weight().data_ptr<float>(), linear->out_features(), linear->in_features()};
    }

    LayerStatistics collect() {
        GramCollector collector(*linear);
        const auto batches = inputs.split(micro_batch_rows);
        tbb::parallel_for(std::size_t{0}, batches.size(),
                          [&](std::size_t i) { collector.add(batches[i]); });
        LayerStatistics statistics;
        collector.take(statistic::gram, statistics);
        return statistics;
    }
};

double solve_seconds(BenchLayer& layer, const QuantizationConfig& config,
                     const LayerStatistics& statistics, int repeats) {
    const auto method = make_method(config);
    return best_seconds(repeats, [&] {
        solve_layer(*method, "benchmark", layer.weight(), statistics, config.bits);
    });
}

/** Share of the visited coordinates for which both chose the same level. */
double equal_codes(const ExplicitRun& run, const QuantizedWeight& ours) {
    const auto levels = dequantize(ours);
    const auto visits = run.visits.contiguous();
    const auto expected = run.quantized.contiguous();
    int64_t equal = 0;
    for (int64_t j = 0; j < visits.size(0); ++j) {
        for (int64_t k = 0; k < visits.size(1); ++k) {
            const auto at = j * visits.size(1) + k;
            const float level = levels(j, visits.data_ptr<int64_t>()[at]);
            equal += std::abs(level - expected.data_ptr<float>()[at]) < 0.5F * ours.scale(j, 0);
        }
    }
    return static_cast<double>(equal) / static_cast<double>(visits.numel());
}

void against_explicit(bool quick, nlohmann::ordered_json& figures) {
    constexpr int64_t m = 768;
    constexpr int64_t rows = 64 * 197;
    const int64_t steps = quick ? 8 : 32;
    BenchLayer layer(m, m, rows);
    const auto config = authors_config();
    const auto method = make_method(config);
    Solution solution;
    const double ours = best_seconds(10, [&] {
        solution = solve_layer(*method, "benchmark", layer.weight(), layer.collect(), config.bits);
    });
    // The authors' program lets LibTorch use every core in each operation.
    at::set_num_threads(thread_count());
    const auto run = authors_operations(layer.inputs, layer.linear->weight(), config.bits, steps);
    at::set_num_threads(1);
    const double whole = run.seconds * static_cast<double>(m) / static_cast<double>(steps);
    const double frugal = frugal_seconds(layer.inputs, layer.linear->weight(), config.bits, steps) *
                          static_cast<double>(m) / static_cast<double>(steps);
    const double equal = equal_codes(run, solution.weight);
    fmt::print(
        "768 x 768, {} rows, greedy, one sweep: Gram and solver {:.3f} s; explicit rows {:.1f} s "
        "({:.0f}x), frugally {:.1f} s ({:.0f}x), both from the first {} of {} coordinates, of "
        "whose codes {:.3f}% are equal\n",
        rows, ours, whole, whole / ours, frugal, frugal / ours, steps, m, 100.0 * equal);
    figures["gram_solver_seconds"] = ours;
    figures["explicit_seconds"] = whole;
    figures["explicit_steps_measured"] = steps;
    figures["explicit_equal_codes"] = equal;
    figures["gram_solver_speedup_over_explicit"] = whole / ours;
    figures["gram_solver_speedup_over_frugal_explicit"] = frugal / ours;
}

void gram_rates(bool quick, nlohmann::ordered_json& figures) {
    const int threads = thread_count();
    fmt::print("\n{:>6}{:>18}{:>18}{:>12}\n", "m", "Gram, GFLOP/s", "SGEMM, GFLOP/s", "fraction");
    for (const int64_t m : {192, 384, 768, 1024, 3072}) {
        if (quick && m > 768) break;
        BenchLayer layer(m, 8, micro_batch_rows * 16 * threads);
        const double operations =
            static_cast<double>(layer.inputs.size(0)) * static_cast<double>(m * (m + 1));
        const double gram = operations / best_seconds(5, [&] { layer.collect(); });
        const double sgemm = sgemm_rate(m, threads);
        fmt::print("{:>6}{:>18.1f}{:>18.1f}{:>12.2f}\n", m, gram * 1e-9, sgemm * 1e-9,
                   gram / sgemm);
        figures[fmt::format("gram_fraction_of_sgemm_{}", m)] = gram / sgemm;
        if (m == 768) figures["gram_fraction_of_sgemm"] = gram / sgemm;
    }
}

void solver_rates(bool quick, nlohmann::ordered_json& figures) {
    struct Shape {
        int64_t m, n;
    };
    QuantizationConfig config;  // COMQ as the paper: greedy, four sweeps, 4 bits
    double vit_b = 0.0;
    double speedup = 0.0;
    const int threads = thread_count();
    fmt::print("\n{:>6}{:>6}{:>14}{:>14}{:>16}{:>10}\n", "m", "n", "1 thread, s",
               fmt::format("{} threads, s", threads), "GFLOP/s a sweep", "of SGEMM");
    for (const Shape shape : {Shape{768, 2304}, {768, 768}, {768, 3072}, {3072, 768}}) {
        BenchLayer layer(shape.m, shape.n, quick ? 4 * micro_batch_rows : 8 * micro_batch_rows);
        const auto statistics = layer.collect();
        const int repeats = quick ? 1 : 3;
        double single = 0.0;
        {
            const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
            single = solve_seconds(layer, config, statistics, repeats);
        }
        const double parallel = solve_seconds(layer, config, statistics, repeats);
        const double rate =
            2.0 * static_cast<double>(shape.m * shape.m * shape.n) * config.sweeps / parallel;
        fmt::print("{:>6}{:>6}{:>14.3f}{:>14.3f}{:>16.1f}{:>10.2f}\n", shape.m, shape.n, single,
                   parallel, rate * 1e-9, rate / sgemm_rate(768, threads));
        vit_b += 12.0 * parallel;
        if (shape.m == 768 && shape.n == 3072) speedup = single / parallel;
    }
    fmt::print("all 48 layers of ViT-B, greedy, 4 sweeps, 4 bits: {:.1f} s on {} threads\n", vit_b,
               threads);
    figures["solver_seconds_vit_b"] = vit_b;
    figures[fmt::format("solver_speedup_{}_threads", threads)] = speedup;
}

}  // namespace

void measure_solver(bool quick, nlohmann::ordered_json& figures) {
    against_explicit(quick, figures);
    gram_rates(quick, figures);
    solver_rates(quick, figures);
}

}  // namespace comq::bench
