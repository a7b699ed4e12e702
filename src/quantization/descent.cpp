#include "quantization/descent.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "quantization/channel_state.hpp"

namespace comq {
namespace {

/** The channels of one batch, on the grid when the start had codes. */
std::vector<ChannelState> make_channels(const DescentContext& context, const Grid& grid,
                                        const Start& start, int64_t first, int64_t end) {
    std::vector<ChannelState> states;
    states.reserve(static_cast<std::size_t>(end - first));
    for (int64_t j = first; j < end; ++j) states.push_back(make_channel(context, grid, j));
    prepare_channels(context, start, first, states);
    return states;
}

class Descent {
  public:
    Descent(const DescentContext& context, const Grid& grid, const Start& start)
        : context_(context),
          grid_(grid),
          start_(start),
          channels_(context.problem.out_features()),
          batches_(context.problem.out_features(), context.in_features()),
          final_grid_(grid),
          bit_code_(context.problem.out_features(), context.in_features()),
          squared_error_(static_cast<std::size_t>(channels_)) {}

    /** Channels that do not share a scale: each goes through all its sweeps at once. */
    DescentResult run_by_channel() {
        std::vector<int> sweeps(static_cast<std::size_t>(channels_));
        batches_.run([&](int64_t batch) {
            const int64_t first = batches_.first(batch);
            std::vector<ChannelState> channels =
                make_channels(context_, grid_, start_, first, batches_.end(batch));
            if (start_.is_float()) first_sweep(context_.sweep_matrix(), channels);
            for (int64_t c = 0; c < std::ssize(channels); ++c) {
                sweeps[first + c] = finish_channel(first + c, channels[c]);
            }
        });
        return result(*std::max_element(sweeps.begin(), sweeps.end()));
    }

    /** Channels that share a scale: they take each sweep together. */
    DescentResult run_by_layer() {
        std::vector<std::vector<ChannelState>> batches(static_cast<std::size_t>(batches_.count()));
        batches_.run([&](int64_t batch) {
            batches[batch] =
                make_channels(context_, grid_, start_, batches_.first(batch), batches_.end(batch));
        });
        int sweeps = 0;
        double error = 0;
        for (bool done = false; sweeps < context_.options.sweeps && !done;) {
            std::vector<double> errors(static_cast<std::size_t>(channels_));
            done = sweep_layer(sweeps++, batches, errors);
            const double new_error = std::accumulate(errors.begin(), errors.end(), 0.0);
            if (context_.options.undo_worse_sweeps && sweeps > 1 && new_error > error) break;
            error = new_error;
            batches_.run([&](int64_t batch) {
                for (int64_t c = 0; c < std::ssize(batches[batch]); ++c) {
                    const int64_t j = batches_.first(batch) + c;
                    keep(j, batches[batch][c], errors[j]);
                }
            });
        }
        return result(sweeps);
    }

  private:
    /** All sweeps of channel j after a float start's first one; returns their number. */
    int finish_channel(int64_t j, ChannelState& channel) {
        const DescentOptions& options = context_.options;
        double error = 0;
        int sweeps = 0;
        int pair_sweeps = 0;
        for (bool done = false; sweeps < options.sweeps && !done; ++sweeps) {
            const bool is_first = sweeps == 0;
            const bool settled = is_first && start_.is_float();
            int64_t moves = settled ? context_.in_features() : sweep_channel(context_, channel);
            if (moves == 0 && pair_sweeps < options.pair_sweeps) {
                moves = sweep_pairs(context_, channel);
                ++pair_sweeps;
            }
            bool rescaled = false;
            if (options.scale_update == ScaleUpdate::closed_form && (moves > 0 || is_first)) {
                rescaled = minimise_scales(context_, channel);
            }
            const double new_error = squared_error(context_, channel);
            // Codes that fit the scale they began with may not fit its minimiser.
            done = moves == 0 && !rescaled;
            if (options.undo_worse_sweeps && !is_first && new_error > error) {
                done = true;
            } else {
                error = new_error;
                keep(j, channel, error);
            }
        }
        return sweeps;
    }

    /** Sweep k of all channels and the update of their scale, after which they have `errors`;
     *  returns whether nothing moved. */
    bool sweep_layer(int k, std::vector<std::vector<ChannelState>>& batches,
                     std::vector<double>& errors) {
        std::vector<int64_t> moves(batches.size());
        std::vector<ScaleSums> sums(static_cast<std::size_t>(channels_));
        const bool settles = k == 0 && start_.is_float();
        batches_.run([&](int64_t batch) {
            std::vector<ChannelState>& channels = batches[batch];
            if (settles) first_sweep(context_.sweep_matrix(), channels);
            for (int64_t c = 0; c < std::ssize(channels); ++c) {
                moves[batch] +=
                    settles ? context_.in_features() : sweep_channel(context_, channels[c]);
                sums[batches_.first(batch) + c] = scale_sums(channels[c]);
            }
        });
        ScaleSums total;
        for (const ScaleSums& part : sums) {
            total.numerator += part.numerator;
            total.denominator += part.denominator;
        }
        const float before = batches.front().front().groups.front().levels.scale();
        const float scale = minimising_scale(before, total);
        batches_.run([&](int64_t batch) {
            for (int64_t c = 0; c < std::ssize(batches[batch]); ++c) {
                ChannelState& channel = batches[batch][c];
                rescale(channel, scale);
                errors[batches_.first(batch) + c] = squared_error(context_, channel);
            }
        });
        const bool moved = std::ranges::any_of(moves, [](int64_t count) { return count > 0; });
        return !moved && (k > 0 || scale == before);
    }

    /** Makes the present state of channel j its result; a sweep that is undone is never kept. */
    void keep(int64_t j, const ChannelState& channel, double error) {
        squared_error_[j] = error;
        for (int64_t g = 0; g < grid_.groups; ++g) {
            const ChannelLevels& levels = channel.groups[g].levels;
            final_grid_.scale[j * grid_.groups + g] = levels.scale();
            final_grid_.zero_point[j * grid_.groups + g] = static_cast<float>(levels.zero_point());
        }
        for (int64_t i = 0; i < context_.in_features(); ++i) {
            const bool alive = context_.inverse_diagonal[i] > 0;
            bit_code_(j, i) = alive ? channel.code[i]
                                    : static_cast<uint8_t>(channel.group_of(i).levels.nearest(
                                          static_cast<double>(channel.weight[i])));
        }
    }

    DescentResult result(int sweeps) {
        return {on_grid(std::move(bit_code_), final_grid_), sweeps, std::move(squared_error_)};
    }

    const DescentContext& context_;
    const Grid& grid_;
    const Start& start_;
    int64_t channels_;
    ChannelBatches batches_;
    Grid final_grid_;
    Matrix<uint8_t> bit_code_;
    std::vector<double> squared_error_;
};

}  // namespace

DescentResult descend(const GroupProblem& problem, const Grid& grid, const Start& start,
                      const DescentOptions& options) {
    COMQ_CHECK(options.sweeps >= 1);
    COMQ_CHECK(std::ssize(grid.scale) == problem.out_features() * grid.groups);
    COMQ_CHECK(start.is_float() || (start.bit_code.rows() == problem.out_features() &&
                                    start.bit_code.cols() == problem.in_features()));
    const DescentContext context(problem, options);
    Descent descent(context, grid, start);
    return options.scale_update == ScaleUpdate::closed_form &&
                   options.granularity == Granularity::per_layer
               ? descent.run_by_layer()
               : descent.run_by_channel();
}

}  // namespace comq
