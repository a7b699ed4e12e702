#include "quantization/channel_state.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "quantization/add_row.hpp"
#include "quantization/order.hpp"

namespace comq {
namespace {

/** The next sweep visits first what its move would gain most. */
void order_by_gain(const DescentContext& context, ChannelState& channel) {
    std::vector<float> gain(channel.order.size());
    for (std::size_t i = 0; i < gain.size(); ++i) {
        gain[i] = static_cast<float>(std::fabs(channel.residual[i]) *
                                     std::sqrt(context.inverse_diagonal[i]));
    }
    greedy_order(gain, std::vector<float>(gain.size(), 1.0F), channel.order);
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
    if (options.fit_zero_points) {
        for (int64_t i = 0; i < in_features(); ++i) {
            const double* row = problem.gram.row(i);
            gram_row_sum.push_back(std::accumulate(row, row + in_features(), 0.0) / panels.unit());
        }
        gram_sum = std::accumulate(gram_row_sum.begin(), gram_row_sum.end(), 0.0);
    }
    if (options.order == Order::cyclic || options.order == Order::shared) {
        common_order = channel_order(options.order, problem, order_norm, 0);
    }
}

ScaleGroup::ScaleGroup(const ChannelLevels& levels_, double unit) : levels(levels_) {
    set_scale(levels.scale(), unit);
}

void ScaleGroup::set_scale(float scale, double unit) {
    levels.set_scale(scale);
    ratio = static_cast<double>(scale) / unit;
    inverse_ratio = unit / static_cast<double>(scale);
}

ChannelState::ChannelState(const float* weight_, const Grid& grid, int64_t channel,
                           std::vector<int32_t> order_)
    : weight(weight_),
      unit(grid.levels(channel).scale()),
      inverse_unit(1.0 / unit),
      group_width(std::ssize(order_) / grid.groups),
      order(std::move(order_)),
      code(order.size()),
      residual(order.size()) {
    for (int64_t g = 0; g < grid.groups; ++g) groups.emplace_back(grid.levels(channel, g), unit);
}

ChannelState make_channel(const DescentContext& context, const Grid& grid, int64_t channel) {
    const float* weight = context.problem.weight.row(channel);
    std::vector<int32_t> order =
        context.common_order.empty()
            ? channel_order(context.options.order, context.problem, context.order_norm, channel)
            : context.common_order;
    return {weight, grid, channel, std::move(order)};
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
    if (context.options.scale_update == ScaleUpdate::closed_form &&
        channels.front().groups.size() == 1) {
        products_into(&ChannelState::weight_gradient, [](const ChannelState& channel, int64_t i) {
            return channel.scaled_weight(i);
        });
    }
    if (start.is_float()) return;
    for (int64_t c = 0; c < std::ssize(channels); ++c) {
        std::copy_n(start.bit_code.row(first_channel + c), m, channels[c].code.begin());
    }
    products_into(&ChannelState::residual, [](const ChannelState& channel, int64_t i) {
        return channel.scaled_weight(i) - channel.value(i);
    });
}

void move_coordinate(const DescentContext& context, ChannelState& channel, int64_t i, int code) {
    const int old_code = std::exchange(channel.code[i], static_cast<uint8_t>(code));
    const double step = (code - old_code) * channel.group_of(i).ratio / context.panels.unit();
    add_row(context.problem.gram.row(i), -step, context.in_features(), channel.residual.data());
}

int64_t sweep_channel(const DescentContext& context, ChannelState& channel) {
    if (context.options.order == Order::greedy_dynamic) order_by_gain(context, channel);
    const double* residual = channel.residual.data();
    int64_t moves = 0;
    for (const int32_t i : channel.order) {
        const ScaleGroup& group = channel.group_of(i);
        if (std::fabs(residual[i]) <= context.still[i] * group.ratio) continue;
        const int old_code = channel.code[i];
        const double target = group.levels.multiple(old_code) +
                              residual[i] * context.inverse_diagonal[i] * group.inverse_ratio;
        const int code = group.levels.nearest_to_multiple(target);
        if (code == old_code) continue;
        move_coordinate(context, channel, i, code);
        ++moves;
    }
    return moves;
}

double squared_error(const DescentContext& context, const ChannelState& channel) {
    double sum = 0;
    for (int64_t i = 0; i < context.in_features(); ++i) {
        sum += (channel.scaled_weight(i) - channel.value(i)) * channel.residual[i];
    }
    return std::max(sum, 0.0) * channel.unit * channel.unit * context.panels.unit();
}

}  // namespace comq
