#include <algorithm>
#include <limits>
#include <utility>

#include "core/simd.hpp"
#include "quantization/channel_state.hpp"

namespace comq {
namespace {

constexpr double forbidden = std::numeric_limits<double>::infinity();

/**
 * The costs of steps of one level by themselves, in units of the channel and of the panels: for a
 * step s of coordinate i, s²H_ii − 2s·r_i. A step off the grid is forbidden.
 */
struct StepCosts {
    AlignedVector<double> up;
    AlignedVector<double> down;
    AlignedVector<double> step;  ///< δ_i

    explicit StepCosts(const ChannelState& channel)
        : up(channel.code.size()), down(up.size()), step(up.size()) {
        for (std::size_t i = 0; i < step.size(); ++i) {
            step[i] = channel.group_of(static_cast<int64_t>(i)).ratio;
        }
    }

    void update(const DescentContext& context, const ChannelState& channel) {
        for (std::size_t i = 0; i < step.size(); ++i) {
            if (context.inverse_diagonal[i] == 0) {
                up[i] = down[i] = forbidden;
                continue;
            }
            const double curvature = step[i] * step[i] / context.inverse_diagonal[i];
            const double slope = 2 * step[i] * channel.residual[i];
            const int top_code = context.problem.levels() - 1;
            up[i] = channel.code[i] < top_code ? curvature - slope : forbidden;
            down[i] = channel.code[i] > 0 ? curvature + slope : forbidden;
        }
    }
};

/** Least cost of any coordinate's step beside a step up, or down, of coordinate i. */
struct PartnerCosts {
    double beside_up;
    double beside_down;
};

/** `factor`·step_j·H_ij is what steps of i and j in the same direction add to their own costs. */
PartnerCosts least_partner_costs(const double* gram_row, double factor, const StepCosts& costs,
                                 int64_t m) {
    constexpr int64_t lanes = 8;
    double beside_up[lanes];
    double beside_down[lanes];
    std::fill_n(beside_up, lanes, forbidden);
    std::fill_n(beside_down, lanes, forbidden);
    const double* up = costs.up.data();
    const double* down = costs.down.data();
    const double* step = costs.step.data();
    const auto consider = [&](int64_t j, int64_t lane) {
        const double shared = factor * step[j] * gram_row[j];
        const double with_up = std::min(up[j] + shared, down[j] - shared);
        const double with_down = std::min(up[j] - shared, down[j] + shared);
        beside_up[lane] = with_up < beside_up[lane] ? with_up : beside_up[lane];
        beside_down[lane] = with_down < beside_down[lane] ? with_down : beside_down[lane];
    };
    run_vectorized([&](auto) {
        int64_t j = 0;
        for (; j + lanes <= m; j += lanes) {
            for (int64_t lane = 0; lane < lanes; ++lane) consider(j + lane, lane);
        }
        for (; j < m; ++j) consider(j, 0);
    });
    return {*std::min_element(beside_up, beside_up + lanes),
            *std::min_element(beside_down, beside_down + lanes)};
}

/** The coordinate and direction whose cost `least_partner_costs` found. */
std::pair<int64_t, int> find_partner(const double* gram_row, double factor, const StepCosts& costs,
                                     int64_t m) {
    double least = forbidden;
    std::pair<int64_t, int> partner{0, 0};
    for (int64_t j = 0; j < m; ++j) {
        const double shared = factor * costs.step[j] * gram_row[j];
        if (costs.up[j] + shared < least) {
            least = costs.up[j] + shared;
            partner = {j, 1};
        }
        if (costs.down[j] - shared < least) {
            least = costs.down[j] - shared;
            partner = {j, -1};
        }
    }
    return partner;
}

}  // namespace

int64_t sweep_pairs(const DescentContext& context, ChannelState& channel) {
    const int64_t m = context.in_features();
    StepCosts costs(channel);
    costs.update(context, channel);
    int64_t moves = 0;
    for (const int32_t i : channel.order) {
        if (context.inverse_diagonal[i] == 0) continue;
        const double own_up = std::exchange(costs.up[i], forbidden);
        const double own_down = std::exchange(costs.down[i], forbidden);
        const double* gram_row = context.problem.gram.row(i);
        const double factor = 2 * costs.step[i] / context.panels.unit();
        const PartnerCosts least = least_partner_costs(gram_row, factor, costs, m);
        const double up = own_up + least.beside_up;
        const double down = own_down + least.beside_down;
        // A gain that is lost in the rounding of r is none.
        const double threshold =
            -1e-6 * costs.step[i] * costs.step[i] / context.inverse_diagonal[i];
        if (!(std::min(up, down) < threshold)) {
            costs.up[i] = own_up;
            costs.down[i] = own_down;
            continue;
        }
        const int direction = up <= down ? 1 : -1;
        const auto [j, partner_direction] = find_partner(gram_row, direction * factor, costs, m);
        move_coordinate(context, channel, i, channel.code[i] + direction);
        move_coordinate(context, channel, j, channel.code[j] + partner_direction);
        costs.update(context, channel);
        ++moves;
    }
    return moves;
}

}  // namespace comq
