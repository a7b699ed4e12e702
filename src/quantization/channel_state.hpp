#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/matrix.hpp"
#include "quantization/descent.hpp"
#include "quantization/gram_panels.hpp"

namespace comq {

/** The matrix of a first sweep. */
struct SweepMatrix {
    const GramPanels& panels;
    std::span<const double> inverse_diagonal;  ///< [m], in units of the panels
    /** All channels have the same order of visits. Otherwise the matrix is symmetric. */
    bool shared_order;
};

/** Everything that the channels of one problem share during descent; Grams are in units of
 *  `panels.unit()`. */
struct DescentContext {
    const GroupProblem& problem;
    const DescentOptions& options;
    GramPanels panels;
    std::vector<double> inverse_diagonal;  ///< 1/H_ii, 0 for a dead input, [m]
    /** A coordinate on the grid stays where it is when |r_i| is at most this many of its δ, [m]. */
    std::vector<double> still;
    std::vector<float> order_norm;      ///< key of the greedy order, [m]
    std::vector<double> gram_row_sum;   ///< H·1, only where zero points are fitted, [m]
    double gram_sum = 0;                ///< 1ᵀH1, the sum of gram_row_sum
    bool sees_zero_points = false;      ///< 1ᵀH1 is more than rounding
    std::vector<int32_t> common_order;  ///< the order of all channels where they share one, [m]

    DescentContext(const GroupProblem& problem, const DescentOptions& options);
    int64_t in_features() const { return problem.in_features(); }
    SweepMatrix sweep_matrix() const { return {panels, inverse_diagonal, !common_order.empty()}; }
};

/** The levels of the inputs that share a scale, in units of the channel. */
struct ScaleGroup {
    ChannelLevels levels;
    double ratio;  ///< δ of the group in units of the channel
    double inverse_ratio;

    ScaleGroup(const ChannelLevels& levels, double unit);
    void set_scale(float scale, double unit);
};

/**
 * One output channel during descent. Its values are in units of the δ with which its first group
 * began, so that those of a channel with one fixed scale are whole numbers: r = H(w − wq).
 */
struct ChannelState {
    const float* weight;  ///< [m]
    double unit;
    double inverse_unit;
    std::vector<ScaleGroup> groups;
    int64_t group_width;                  ///< inputs that share a scale
    std::vector<int32_t> order;           ///< coordinates in the order of their visits
    std::vector<uint8_t> code;            ///< q
    std::vector<double> residual;         ///< r
    std::vector<double> weight_gradient;  ///< Hw, only where one scale is updated

    ChannelState(const float* weight, const Grid& grid, int64_t channel,
                 std::vector<int32_t> order);
    const ScaleGroup& group_of(int64_t i) const {
        return groups.size() == 1 ? groups.front()
                                  : groups[static_cast<std::size_t>(i / group_width)];
    }
    double scaled_weight(int64_t i) const { return static_cast<double>(weight[i]) * inverse_unit; }
    /** δ(q + z) of coordinate i. */
    double value(int64_t i) const {
        const ScaleGroup& group = group_of(i);
        return group.ratio * group.levels.multiple(code[static_cast<std::size_t>(i)]);
    }
};

/** Row `channel` of the problem as descent with these options begins it. */
ChannelState make_channel(const DescentContext& context, const Grid& grid, int64_t channel);

/**
 * Makes the channels ready for their first sweep over codes: fills what scale updates need and,
 * for a start with codes, r. Channels are rows `first_channel`… of the problem.
 */
void prepare_channels(const DescentContext& context, const Start& start, int64_t first_channel,
                      std::span<ChannelState> channels);

/**
 * The sweep that takes channels from their float weights onto the grid. Every coordinate moves, so
 * this sweep costs more than all later ones together; it runs several channels side by side in
 * blocks: within a block of visits r is corrected for these coordinates alone, and then the block's
 * moves update all of r in one pass over the matrix's panels. Fills the codes and r.
 */
void first_sweep(const SweepMatrix& matrix, std::span<ChannelState> channels);

/** Visits in a block. Part of the arithmetic (see gram_panels.hpp), so it depends on m alone. */
constexpr int64_t first_sweep_block(int64_t in_features) { return in_features > 1536 ? 64 : 16; }

/**
 * Batches of neighbouring channels, each of which one task takes through first_sweep together.
 * Their size follows the number of threads; no result depends on it.
 */
class ChannelBatches {
  public:
    ChannelBatches(int64_t channels, int64_t in_features);
    int64_t count() const { return (channels_ + size_ - 1) / size_; }
    int64_t first(int64_t batch) const { return batch * size_; }
    int64_t end(int64_t batch) const { return std::min(channels_, first(batch) + size_); }
    /** Calls body for every batch, in parallel. */
    void run(const std::function<void(int64_t batch)>& body) const;

  private:
    int64_t channels_;
    int64_t size_;
};

/** One sweep of a channel that is on the grid; returns how many coordinates moved. */
int64_t sweep_channel(const DescentContext& context, ChannelState& channel);

/** Moves coordinate i to `code` and updates r. */
void move_coordinate(const DescentContext& context, ChannelState& channel, int64_t i, int code);

/** eᵀHe in the units of the problem. */
double squared_error(const DescentContext& context, const ChannelState& channel);

/** Numerator and denominator of the closed-form scale δ = cᵀHw / cᵀHc, c = q + z. */
struct ScaleSums {
    double numerator = 0;
    double denominator = 0;
};

/** Sums of a channel with one scale, in the units of the problem's weights. */
ScaleSums scale_sums(const ChannelState& channel);

/** The minimiser of the sums, or the old δ where it is not a positive number. */
float minimising_scale(float scale, const ScaleSums& sums);

/** Gives a channel with one scale a new one, and r what follows from it. */
void rescale(ChannelState& channel, float scale);

/**
 * Minimises the error over the channel's scales in closed form: over its one scale, where the
 * options say so together with its zero point, or over one group after the other. Returns whether
 * any level moved.
 */
bool minimise_scales(const DescentContext& context, ChannelState& channel);

/**
 * One sweep over pairs of a channel in which no single coordinate can move to advantage: each
 * coordinate in turn steps to a neighbouring level together with that partner's step which lowers
 * eᵀHe most, if any does. Costs O(m²). Returns the number of pairs that moved.
 */
int64_t sweep_pairs(const DescentContext& context, ChannelState& channel);

}  // namespace comq
