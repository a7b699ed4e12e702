#include "quantization/channel_state.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "quantization/order.hpp"
#include "quantization/vector_clones.hpp"

namespace comq {
namespace {

/** residual −= step·row. */
COMQ_VECTOR_CLONES void subtract_row(const double* row, double step, int64_t m, double* residual) {
    for (int64_t j = 0; j < m; ++j) residual[j] -= step * row[j];
}

}  // namespace

DescentContext::DescentContext(const GroupProblem& problem_, const DescentOptions& options_)
    : problem(problem_),
      options(options_),
      panels(problem_.gram),
      order_norm(order_norms(problem_)) {
    // Half a step, less what rounding the target could add to it.
    constexpr double almost_half = 0.5 - 1e-6;
    for (int64_t i = 0; i < in_features(); ++i) {
        const double diagonal = std::max(problem.gram(i, i) / panels.unit(), 0.0);
        inverse_diagonal.push_back(diagonal > 0 ? 1.0 / diagonal : 0.0);
        still.push_back(almost_half * diagonal);
    }
}

ChannelState::ChannelState(const float* weight_, const ChannelLevels& levels_,
                           std::vector<int32_t> order_)
    : weight(weight_),
      levels(levels_),
      first_scale(levels_.scale()),
      order(std::move(order_)),
      code(order.size()),
      residual(order.size()) {}

ChannelState make_channel(const DescentContext& context, const Grid& grid, int64_t channel) {
    const float* weight = context.problem.weight.row(channel);
    std::vector<int32_t> order(static_cast<std::size_t>(context.in_features()));
    if (context.options.order == Order::cyclic) {
        cyclic_order(order);
    } else {
        greedy_order(context.order_norm, {weight, order.size()}, order);
    }
    return {weight, grid.levels(channel), std::move(order)};
}

void prepare_channels(const DescentContext& context, const Start& start, int64_t first_channel,
                      std::span<ChannelState> channels) {
    const int64_t m = context.in_features();
    const auto products_into = [&](std::vector<double> ChannelState::*target,
                                   const auto& value_of) {
        Matrix<float> values(std::ssize(channels), m);
        for (int64_t c = 0; c < values.rows(); ++c) {
            for (int64_t i = 0; i < m; ++i) {
                values(c, i) = static_cast<float>(value_of(channels[c], i));
            }
        }
        const Matrix<double> products = gram_products(context.panels, values.view());
        for (int64_t c = 0; c < values.rows(); ++c) {
            (channels[c].*target).assign(products.row(c), products.row(c) + m);
        }
    };
    if (context.options.scale_update == ScaleUpdate::closed_form) {
        products_into(&ChannelState::weight_gradient, [](const ChannelState& channel, int64_t i) {
            return channel.scaled_weight(i);
        });
    }
    if (start.is_float()) return;
    for (int64_t c = 0; c < std::ssize(channels); ++c) {
        std::copy_n(start.bit_code.row(first_channel + c), m, channels[c].code.begin());
    }
    products_into(&ChannelState::residual, [](const ChannelState& channel, int64_t i) {
        return channel.scaled_weight(i) - channel.multiple(i);
    });
}

int64_t sweep_channel(const DescentContext& context, ChannelState& channel) {
    const int64_t m = context.in_features();
    const double inverse_unit = 1.0 / context.panels.unit();
    double* residual = channel.residual.data();
    int64_t moves = 0;
    for (const int32_t i : channel.order) {
        if (std::fabs(residual[i]) <= context.still[i]) continue;
        const int old_code = channel.code[i];
        const int code = channel.levels.nearest_to_multiple(
            channel.multiple(i) + residual[i] * context.inverse_diagonal[i]);
        if (code == old_code) continue;
        channel.code[i] = static_cast<uint8_t>(code);
        subtract_row(context.problem.gram.row(i), (code - old_code) * inverse_unit, m, residual);
        ++moves;
    }
    return moves;
}

double squared_error(const DescentContext& context, const ChannelState& channel) {
    const double scale = channel.levels.scale();
    double sum = 0;
    for (int64_t i = 0; i < context.in_features(); ++i) {
        const double weight = static_cast<double>(channel.weight[i]);
        sum += (weight - scale * channel.multiple(i)) * channel.residual[i];
    }
    return std::max(sum, 0.0) * scale * context.panels.unit();
}

ScaleSums scale_sums(const ChannelState& channel) {
    double weight_sum = 0;
    double residual_sum = 0;
    for (std::size_t i = 0; i < channel.code.size(); ++i) {
        const double multiple = channel.multiple(static_cast<int64_t>(i));
        weight_sum += multiple * channel.weight_gradient[i];
        residual_sum += multiple * channel.residual[i];
    }
    // Hc = Hw/δ − r.
    const double numerator = channel.first_scale * weight_sum;
    return {numerator, numerator * channel.levels.inverse_scale() - residual_sum};
}

void rescale(ChannelState& channel, float scale) {
    const double before = channel.levels.inverse_scale();
    channel.levels.set_scale(scale);
    const double change = channel.first_scale * (channel.levels.inverse_scale() - before);
    for (std::size_t i = 0; i < channel.residual.size(); ++i) {
        channel.residual[i] += change * channel.weight_gradient[i];
    }
}

}  // namespace comq
