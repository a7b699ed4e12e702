#include "bench/explicit_comq.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/measurements.hpp"

namespace comq::bench {

namespace {

/** All levels of each channel's min-max grid, [n, 2^bits]. */
torch::Tensor levels_of(const torch::Tensor& weight, int bits) {
    const auto low = weight.amin(1);
    const auto scale = (weight.amax(1) - low) / static_cast<double>((1 << bits) - 1);
    const auto zero_point = (low / scale).round();
    const auto codes = torch::arange(1 << bits, torch::kFloat);
    return (zero_point.unsqueeze(1) + codes.unsqueeze(0)) * scale.unsqueeze(1);
}

torch::Tensor greedy_visits(const torch::Tensor& inputs, const torch::Tensor& weight) {
    return (inputs.norm(2, 0).unsqueeze(0) * weight.abs()).argsort(1, true);
}

torch::Tensor nearest_level(const torch::Tensor& target, const torch::Tensor& levels) {
    const auto distance = (levels - target.unsqueeze(1).expand_as(levels)).abs();
    return levels.gather(1, distance.argmin(1, true)).squeeze(1);
}

}  // namespace

ExplicitRun authors_operations(const torch::Tensor& inputs, const torch::Tensor& weight, int bits,
                               int64_t steps) {
    const torch::NoGradGuard no_grad;
    const auto levels = levels_of(weight, bits);
    const auto order = greedy_visits(inputs, weight);
    const auto sorted = weight.gather(1, order);
    auto quantized = sorted.clone();
    auto residual = torch::zeros({inputs.size(0), weight.size(0)});
    const Stopwatch watch;
    for (int64_t step = 0; step < steps; ++step) {
        const auto w = sorted.select(1, step);
        const auto columns = torch::index_select(inputs.t(), 0, order.select(1, step)).t();
        residual -= columns * (w - quantized.select(1, step)).unsqueeze(0);
        const auto signal = columns * w.unsqueeze(0);
        const auto target =
            torch::sum((signal + residual) * columns, 0) / torch::sum(columns * columns, 0);
        const auto q = nearest_level(target, levels);
        residual.add_(columns * (w - q).unsqueeze(0));
        quantized.select(1, step).copy_(q);
    }
    return {order.narrow(1, 0, steps), quantized.narrow(1, 0, steps).clone(), watch.seconds()};
}

double frugal_seconds(const torch::Tensor& inputs, const torch::Tensor& weight, int bits,
                      int64_t steps) {
    const auto columns = inputs.t().contiguous();
    const auto norms = columns.square().sum(1);
    const auto levels = levels_of(weight, bits).contiguous();
    const auto order = greedy_visits(inputs, weight).contiguous();
    const int64_t rows = inputs.size(0);
    const int64_t m = inputs.size(1);
    const int64_t count = levels.size(1);
    const float* x = columns.data_ptr<float>();
    const float* w = weight.data_ptr<float>();
    const Stopwatch watch;
    tbb::parallel_for(int64_t{0}, weight.size(0), [&](int64_t channel) {
        std::vector<float> residual(static_cast<std::size_t>(rows));
        const float* level = levels.data_ptr<float>() + channel * count;
        const int64_t* visits = order.data_ptr<int64_t>() + channel * m;
        for (int64_t step = 0; step < steps; ++step) {
            const float* column = x + visits[step] * rows;
            const float value = w[channel * m + visits[step]];
            float product = 0.0F;
#pragma GCC ivdep
            for (int64_t i = 0; i < rows; ++i)
                product += residual[static_cast<std::size_t>(i)] * column[i];
            const float target = value + product / norms.data_ptr<float>()[visits[step]];
            const float q = *std::min_element(level, level + count, [&](float a, float b) {
                return std::abs(a - target) < std::abs(b - target);
            });
            const float change = value - q;
            for (int64_t i = 0; i < rows; ++i)
                residual[static_cast<std::size_t>(i)] += column[i] * change;
        }
    });
    return watch.seconds();
}

}  // namespace comq::bench
