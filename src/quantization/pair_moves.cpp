#include <algorithm>
#include <array>
#include <cmath>
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
template <typename Number>
struct StepCosts {
    AlignedVector<Number> up;
    AlignedVector<Number> down;
    AlignedVector<Number> step;  ///< δ_i

    explicit StepCosts(std::size_t count) : up(count), down(count), step(count) {}
};

/** The same in fp64 and, for a first look, in fp32. */
struct ChannelCosts {
    StepCosts<double> exact;
    StepCosts<float> rough;
    double largest = 0;            ///< of the costs that are not forbidden, without their signs
    double largest_curvature = 0;  ///< of all s²H_ii

    explicit ChannelCosts(const ChannelState& channel)
        : exact(channel.code.size()), rough(channel.code.size()) {
        for (std::size_t i = 0; i < exact.step.size(); ++i) {
            exact.step[i] = channel.group_of(static_cast<int64_t>(i)).ratio;
            rough.step[i] = static_cast<float>(exact.step[i]);
        }
    }

    void update(const DescentContext& context, const ChannelState& channel) {
        largest = largest_curvature = 0;
        const int top_code = context.problem.levels() - 1;
        for (int64_t i = 0; i < context.in_features(); ++i) {
            if (context.inverse_diagonal[i] == 0) {
                set(i, forbidden, forbidden);
                continue;
            }
            const double curvature = exact.step[i] * exact.step[i] / context.inverse_diagonal[i];
            const double slope = 2 * exact.step[i] * channel.residual[i];
            largest_curvature = std::max(largest_curvature, curvature);
            largest = std::max(largest, curvature + std::fabs(slope));
            set(i, channel.code[i] < top_code ? curvature - slope : forbidden,
                channel.code[i] > 0 ? curvature + slope : forbidden);
        }
    }

    void set(int64_t i, double up, double down) {
        exact.up[i] = up;
        exact.down[i] = down;
        rough.up[i] = static_cast<float>(up);
        rough.down[i] = static_cast<float>(down);
    }

    /**
     * By how much a pair's cost in fp32 is wrong at most, beside a coordinate of this curvature:
     * seven roundings of 2⁻²⁴ of the partner's own cost and of what is shared, which is
     * 2s_i·s_j·H_ij ≤ 2√(s_i²H_ii·s_j²H_jj).
     */
    double rounding(double curvature) const {
        return 1e-6 * (largest + 2 * std::sqrt(curvature * largest_curvature));
    }
};

/** Least cost of any coordinate's step beside a step up, or down, of coordinate i. */
struct PartnerCosts {
    double beside_up;
    double beside_down;
};

/** The least costs of a vector's lanes. */
template <typename Number>
class LeastCosts {
  public:
    LeastCosts() {
        std::ranges::fill(beside_up_, static_cast<Number>(forbidden));
        std::ranges::fill(beside_down_, static_cast<Number>(forbidden));
    }

    /**
     * Considers `count` partners from `first` on, whose H_ij are at `gram`. `factor`·step_j·H_ij is
     * what steps of i and j in the same direction add to their own costs.
     */
    [[gnu::always_inline]] inline void consider(const StepCosts<Number>& costs, int64_t first,
                                                int64_t count, const Number* gram, Number factor) {
        const Number* up = costs.up.data() + first;
        const Number* down = costs.down.data() + first;
        const Number* step = costs.step.data() + first;
        const auto consider_one = [&](int64_t j, int64_t lane) {
            const Number shared = factor * step[j] * gram[j];
            const Number with_up = std::min(up[j] + shared, down[j] - shared);
            const Number with_down = std::min(up[j] - shared, down[j] + shared);
            beside_up_[lane] = with_up < beside_up_[lane] ? with_up : beside_up_[lane];
            beside_down_[lane] = with_down < beside_down_[lane] ? with_down : beside_down_[lane];
        };
        int64_t j = 0;
        for (; j + lanes <= count; j += lanes) {
            for (int64_t lane = 0; lane < lanes; ++lane) consider_one(j + lane, lane);
        }
        for (; j < count; ++j) consider_one(j, 0);
    }

    PartnerCosts get() const {
        return {static_cast<double>(*std::ranges::min_element(beside_up_)),
                static_cast<double>(*std::ranges::min_element(beside_down_))};
    }

  private:
    static constexpr int64_t lanes = 64 / sizeof(Number);
    std::array<Number, lanes> beside_up_;
    std::array<Number, lanes> beside_down_;
};

PartnerCosts least_partner_costs(const double* gram_row, double factor,
                                 const StepCosts<double>& costs, int64_t m) {
    LeastCosts<double> least;
    run_vectorized([&](auto) { least.consider(costs, 0, m, gram_row, factor); });
    return least.get();
}

/** The same in fp32, of the rows of panels. */
PartnerCosts rough_partner_costs(const GramPanels& panels, int64_t i, double factor,
                                 const StepCosts<float>& costs) {
    constexpr int64_t width = GramPanels::width;
    LeastCosts<float> least;
    run_vectorized([&](auto) {
        for (int64_t p = 0; p < panels.panels(); ++p) {
            least.consider(costs, p * width, std::min(width, panels.order() - p * width),
                           panels.panel(p) + i * width, static_cast<float>(factor));
        }
    });
    return least.get();
}

/** The coordinate and direction whose cost `least_partner_costs` found. */
std::pair<int64_t, int> find_partner(const double* gram_row, double factor,
                                     const StepCosts<double>& costs, int64_t m) {
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
    ChannelCosts costs(channel);
    costs.update(context, channel);
    int64_t moves = 0;
    for (const int32_t i : channel.order) {
        if (context.inverse_diagonal[i] == 0) continue;
        const double own_up = costs.exact.up[i], own_down = costs.exact.down[i];
        costs.set(i, forbidden, forbidden);
        const double step = costs.exact.step[i];
        const double curvature = step * step / context.inverse_diagonal[i];
        // A gain that is lost in the rounding of r is none.
        const double threshold = -1e-6 * curvature;
        const auto gains = [&](const PartnerCosts& least, double rounding) {
            return std::min(own_up + least.beside_up, own_down + least.beside_down) - rounding <
                   threshold;
        };
        // The panels' entries are in their unit, those of the Gram are not.
        const double factor = 2 * step / context.panels.unit();
        const double* gram_row = context.problem.gram.row(i);
        PartnerCosts least = rough_partner_costs(context.panels, i, 2 * step, costs.rough);
        const bool may_gain = gains(least, costs.rounding(curvature));
        if (may_gain) least = least_partner_costs(gram_row, factor, costs.exact, m);
        if (!may_gain || !gains(least, 0)) {
            costs.set(i, own_up, own_down);
            continue;
        }
        const int direction = own_up + least.beside_up <= own_down + least.beside_down ? 1 : -1;
        const auto [j, partner_direction] =
            find_partner(gram_row, direction * factor, costs.exact, m);
        move_coordinate(context, channel, i, channel.code[i] + direction);
        move_coordinate(context, channel, j, channel.code[j] + partner_direction);
        costs.update(context, channel);
        ++moves;
    }
    return moves;
}

}  // namespace comq
