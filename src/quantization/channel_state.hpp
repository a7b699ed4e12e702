#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/matrix.hpp"
#include "quantization/descent.hpp"
#include "quantization/gram_panels.hpp"

namespace comq {

/** What the first sweep (first_sweep.hpp) needs of a matrix. */
struct SweepMatrix {
    const GramPanels& panels;
    std::span<const double> inverse_diagonal;  ///< [m], in units of the panels
    bool shared_order;                         ///< all channels have the same order of visits
};

/** What the channels of one problem share during descent; Grams are in units of `panels.unit()`. */
struct DescentContext {
    const GroupProblem& problem;
    const DescentOptions& options;
    GramPanels panels;
    std::vector<double> inverse_diagonal;  ///< 1/H_ii, 0 for a dead input, [m]
    /** A coordinate on the grid whose |r_i| is at most this stays where it is, [m]. */
    std::vector<double> still;
    std::vector<float> order_norm;  ///< key of the greedy order, [m]

    DescentContext(const GroupProblem& problem, const DescentOptions& options);
    int64_t in_features() const { return problem.in_features(); }
    SweepMatrix sweep_matrix() const {
        return {panels, inverse_diagonal, options.order == Order::cyclic};
    }
};

/** One output channel during descent, in units of its δ: r = H(w/δ − q − z). */
struct ChannelState {
    const float* weight;  ///< [m]
    ChannelLevels levels;
    double first_scale;                   ///< δ₀, the scale it begins with
    std::vector<int32_t> order;           ///< coordinates in the order of their visits
    std::vector<uint8_t> code;            ///< q
    std::vector<double> residual;         ///< r
    std::vector<double> weight_gradient;  ///< Hw/δ₀, only where scales are updated

    ChannelState(const float* weight, const ChannelLevels& levels, std::vector<int32_t> order);
    /** w/δ of coordinate i. */
    double scaled_weight(int64_t i) const {
        return static_cast<double>(weight[i]) * levels.inverse_scale();
    }
    /** q + z of coordinate i. */
    double multiple(int64_t i) const { return levels.multiple(code[static_cast<std::size_t>(i)]); }
};

/** Row `channel` of the problem as descent with these options begins it. */
ChannelState make_channel(const DescentContext& context, const Grid& grid, int64_t channel);

/**
 * Makes the channels ready for their first sweep over codes: fills what scale updates need and,
 * for a start with codes, r. Channels are rows `first_channel`… of the problem.
 */
void prepare_channels(const DescentContext& context, const Start& start, int64_t first_channel,
                      std::span<ChannelState> channels);

/** One sweep of a channel that is on the grid; returns how many coordinates moved. */
int64_t sweep_channel(const DescentContext& context, ChannelState& channel);

/** eᵀHe in the units of the problem. */
double squared_error(const DescentContext& context, const ChannelState& channel);

/** The scale minimiser is numerator / denominator. */
struct ScaleSums {
    double numerator = 0;    ///< cᵀHw with c = q + z
    double denominator = 0;  ///< cᵀHc
};
ScaleSums scale_sums(const ChannelState& channel);

/** Gives the channel another δ, its codes unchanged. */
void rescale(ChannelState& channel, float scale);

}  // namespace comq
