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

void minimise_scales(const DescentContext& context, ChannelState& channel) {
    if (channel.groups.size() == 1) {
        rescale(channel,
                minimising_scale(channel.groups.front().levels.scale(), scale_sums(channel)));
        return;
    }
    for (int64_t g = 0; g < std::ssize(channel.groups); ++g) minimise_group(context, channel, g);
}

}  // namespace comq
