#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/matrix.hpp"
#include "quantization/descent.hpp"
#include "quantization/gram_panels.hpp"

namespace comq {

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
};

/** One output channel during descent. Everything is in units of its δ, so that r = H(w/δ − q − z).
 */
struct ChannelState {
    const float* weight = nullptr;  ///< [m]
    ChannelLevels levels;
    std::vector<int32_t> order;           ///< coordinates in the order of their visits
    std::vector<uint8_t> code;            ///< q
    std::vector<double> residual;         ///< r
    std::vector<double> weight_gradient;  ///< Hw/δ₀, only where scales are updated
    double first_scale = 1;               ///< δ₀, the scale it began with

    ChannelState(const DescentContext& context, const Grid& grid, int64_t channel);
    /** q + z of coordinate i. */
    double multiple(int64_t i) const { return levels.multiple(code[static_cast<std::size_t>(i)]); }
};

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
