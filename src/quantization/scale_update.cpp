#include "quantization/scale_update.hpp"

#include <cmath>
#include <vector>

#include "quantization/add_row.hpp"

namespace comq {
namespace {

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
 * Minimises over δ and z at once: of the values ρ'c + γ', c = q + z, with ρ' and γ' from the two
 * normal equations, z' = z + γ'/ρ'. Returns false, and changes nothing, where they have no solution
 * with δ > 0.
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
