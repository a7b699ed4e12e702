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
    channel.order = greedy_order(gain, std::vector<float>(gain.size(), 1.0F));
}

/** With p = Hc over the inputs of group g alone, its ratio ρ changes by cᵀr / cᵀp. */
void minimise_group(const DescentContext& context, ChannelState& channel, int64_t g) {
    const int64_t m = context.in_features();
    const int64_t first = g * channel.group_width;
    ScaleGroup& group = channel.groups[static_cast<std::size_t>(g)];
    std::vector<double> product(static_cast<std::size_t>(m), 0.0);
    double slope = 0;
    for (int64_t i = first; i < first + channel.group_width; ++i) {
        const double multiple = group.levels.multiple(channel.code[i]);
        slope += multiple * channel.residual[i];
        if (multiple == 0) continue;
        add_row(context.problem.gram.row(i), multiple / context.panels.unit(), m, product.data());
    }
    double curvature = 0;
    for (int64_t i = first; i < first + channel.group_width; ++i) {
        curvature += group.levels.multiple(channel.code[i]) * product[i];
    }
    const double before = group.ratio;
    const auto scale = static_cast<float>((before + slope / curvature) * channel.unit);
    if (!(scale > 0) || !std::isfinite(scale)) return;
    group.set_scale(scale, channel.unit);
    add_row(product.data(), before - group.ratio, m, channel.residual.data());
}

/**
 * Of the Gram's trace that 1ᵀH1 has at least where z can be fitted. Behind a LayerNorm whose
 * factors are in the layer's weight, X·1 is 0 but for rounding in fp32 (less than 1e-12 of the
 * trace): z changes nothing, and a fit to that noise lets it run to 1e4.
 */
constexpr double least_share_of_ones = 1e-6;

/**
 * Minimises over δ and z at once: of the values ρ'c + γ', c = q + z, with ρ' and γ' from the two
 * normal equations, z' = z + γ'/ρ'. Returns false, and changes nothing, where they have no solution
 * with δ > 0, or the inputs don't see z.
 */
bool minimise_scale_and_zero_point(const DescentContext& context, ChannelState& channel) {
    const int64_t m = context.in_features();
    ScaleGroup& group = channel.groups.front();
    double cc = 0;  // cᵀHc, and so on
    double c1 = 0;
    double cw = 0;
    double w1 = 0;
    std::vector<double> product(static_cast<std::size_t>(m));  // Hc = (Hw − r)/ρ
    for (int64_t i = 0; i < m; ++i) {
        const double multiple = group.levels.multiple(channel.code[i]);
        const double gradient = channel.weight_gradient[i];
        product[i] = (gradient - channel.residual[i]) * group.inverse_ratio;
        cc += multiple * product[i];
        cw += multiple * gradient;
        c1 += product[i];
        w1 += gradient;
    }
    const double ones = context.gram_sum;
    if (!context.sees_zero_points) return false;
    const double determinant = cc * ones - c1 * c1;
    if (!(determinant > 1e-9 * cc * ones)) return false;
    const double ratio = (cw * ones - w1 * c1) / determinant;
    const double shift = (w1 * cc - cw * c1) / determinant;
    const auto scale = static_cast<float>(ratio * channel.unit);
    const double before = group.levels.zero_point();
    const auto zero_point = static_cast<float>(before + shift / ratio);
    if (!(scale > 0) || !std::isfinite(scale) || !std::isfinite(zero_point)) return false;
    group.set_scale(scale, channel.unit);
    group.levels.set_zero_point(zero_point);
    const double rounded_shift = group.ratio * (group.levels.zero_point() - before);
    for (int64_t i = 0; i < m; ++i) {
        channel.residual[i] = channel.weight_gradient[i] - group.ratio * product[i] -
                              rounded_shift * context.gram_row_sum[i];
    }
    return true;
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
        double trace = 0.0;
        for (int64_t i = 0; i < in_features(); ++i) trace += problem.gram(i, i) / panels.unit();
        sees_zero_points = gram_sum > least_share_of_ones * trace;
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

ScaleSums scale_sums(const ChannelState& channel) {
    const ScaleGroup& group = channel.groups.front();
    double weight_sum = 0;
    double residual_sum = 0;
    for (std::size_t i = 0; i < channel.code.size(); ++i) {
        const double multiple = group.levels.multiple(channel.code[i]);
        weight_sum += multiple * channel.weight_gradient[i];
        residual_sum += multiple * channel.residual[i];
    }
    // Hc = (Hw − r)/ρ in units of the channel.
    return {channel.unit * weight_sum, (weight_sum - residual_sum) * group.inverse_ratio};
}

float minimising_scale(float scale, const ScaleSums& sums) {
    const auto minimiser = static_cast<float>(sums.numerator / sums.denominator);
    return minimiser > 0 && std::isfinite(minimiser) ? minimiser : scale;
}

void rescale(ChannelState& channel, float scale) {
    ScaleGroup& group = channel.groups.front();
    const double inverse_before = group.inverse_ratio;
    group.set_scale(scale, channel.unit);
    const double growth = group.ratio * inverse_before;
    for (std::size_t i = 0; i < channel.residual.size(); ++i) {
        const double gradient = channel.weight_gradient[i];
        channel.residual[i] = gradient - growth * (gradient - channel.residual[i]);
    }
}

bool minimise_scales(const DescentContext& context, ChannelState& channel) {
    bool moved = false;
    for (int64_t g = 0; g < std::ssize(channel.groups); ++g) {
        const ChannelLevels before = channel.groups[static_cast<std::size_t>(g)].levels;
        if (channel.groups.size() > 1) {
            minimise_group(context, channel, g);
        } else if (!context.options.fit_zero_points ||
                   !minimise_scale_and_zero_point(context, channel)) {
            rescale(channel, minimising_scale(before.scale(), scale_sums(channel)));
        }
        const ChannelLevels& after = channel.groups[static_cast<std::size_t>(g)].levels;
        moved |= after.scale() != before.scale() || after.zero_point() != before.zero_point();
    }
    return moved;
}

}  // namespace comq
