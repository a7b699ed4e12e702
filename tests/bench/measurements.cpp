#include "bench/measurements.hpp"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "core/child_process.hpp"
#include "core/errors.hpp"

namespace comq::bench {

namespace {

constexpr int repeats = 5;
constexpr int products_a_thread = 8;

double rate_of_products(const torch::Tensor& a, const torch::Tensor& b, int threads) {
    const int tasks = products_a_thread * threads;
    const double seconds =
        best_seconds(repeats, [&] { tbb::parallel_for(0, tasks, [&](int) { torch::mm(a, b); }); });
    return 2.0 * tasks * static_cast<double>(a.size(0) * a.size(1) * b.size(1)) / seconds;
}

/** Most memory that a living process has held at once, in bytes; 0 once it has ended. */
int64_t high_water_mark(pid_t process) {
    std::ifstream status(fmt::format("/proc/{}/status", process));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
    }
    return 0;
}

}  // namespace

double best_seconds(int count, const std::function<void()>& work) {
    work();
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i < count; ++i) {
        const Stopwatch watch;
        work();
        best = std::min(best, watch.seconds());
    }
    return best;
}

double sgemm_rate(int64_t m, int threads) {
    const auto rows = random_rows(micro_batch_rows, m, 1);
    return rate_of_products(rows.t(), rows, threads);
}

double layer_product_rate(int64_t m, int64_t n, int threads) {
    return rate_of_products(random_rows(micro_batch_rows, m, 1), random_rows(m, n, 2), threads);
}

double element_rate(int64_t numel, int threads) {
    const auto x = torch::ones({numel});
    const int tasks = products_a_thread * threads;
    const double seconds = best_seconds(
        repeats, [&] { tbb::parallel_for(0, tasks, [&](int) { torch::mul(x, 1.5); }); });
    return tasks * static_cast<double>(numel) / seconds;
}

torch::Tensor random_rows(int64_t rows, int64_t m, uint64_t seed) {
    torch::manual_seed(seed);
    return torch::randn({rows, m}) * torch::exp(0.5 * torch::randn({m}));
}

double stage_seconds(const RunRecord& run, const std::string& name) {
    double seconds = 0.0;
    for (const auto& stage : run.stages) {
        if (stage.name == name) seconds += stage.seconds;
    }
    return seconds;
}

int64_t peak_memory_of(const std::vector<std::string>& arguments) {
    // Not wait4's ru_maxrss: what the parent held when the child began counts in it.
    ChildProcess child(arguments, "/dev/null");
    int64_t peak = 0;
    while (!child.ended()) {
        peak = std::max(peak, high_water_mark(child.pid()));
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (child.wait() != 0) throw Failure("{}: failed", arguments[0]);
    return peak;
}

}  // namespace comq::bench
