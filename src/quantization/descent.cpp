#include "quantization/descent.hpp"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>
#include <vector>

#include "quantization/channel_descent.hpp"

namespace comq {
namespace {

/** The minimiser of the sums, or the old δ where it is not a positive number. */
float minimising_scale(float scale, const ScaleSums& sums) {
    const auto minimiser =
        static_cast<float>(static_cast<double>(scale) * (sums.numerator / sums.denominator));
    return minimiser > 0 && std::isfinite(minimiser) ? minimiser : scale;
}

template <typename Body>
void for_each_channel(int64_t channels, const Body& body) {
    tbb::parallel_for(tbb::blocked_range<int64_t>(0, channels),
                      [&](const tbb::blocked_range<int64_t>& range) {
                          for (int64_t j = range.begin(); j < range.end(); ++j) body(j);
                      });
}

/** Channels with a scale of their own: each runs all its sweeps at once. */
DescentResult descend_by_channel(const DescentContext& context, const Grid& grid,
                                 const Start& start) {
    const DescentOptions& options = context.options;
    const int64_t n = context.problem.out_features();
    Matrix<uint8_t> bit_code(n, context.problem.in_features());
    Grid final_grid = grid;
    Matrix<double> squared_error(options.sweeps, n);
    std::vector<int> sweeps(static_cast<std::size_t>(n), 0);

    for_each_channel(n, [&](int64_t j) {
        ChannelDescent channel(context, grid, start, j);
        double error = 0;
        bool done = false;
        for (int k = 0; k < options.sweeps; ++k) {
            if (!done) {
                channel.save();
                const int64_t moves = channel.sweep();
                if (options.scale_update == ScaleUpdate::closed_form && (moves > 0 || k == 0)) {
                    channel.set_scale(minimising_scale(channel.scale(), channel.scale_sums()));
                }
                const double new_error = channel.squared_error();
                if (options.undo_worse_sweeps && k > 0 && new_error > error) {
                    channel.restore();
                    done = true;
                } else {
                    error = new_error;
                    done = moves == 0;
                }
                sweeps[j] = k + 1;
            }
            squared_error(k, j) = error;
        }
        channel.write_codes(bit_code.row(j));
        final_grid.scale[j] = channel.scale();
    });
    return {on_grid(std::move(bit_code), final_grid),
            *std::max_element(sweeps.begin(), sweeps.end()), std::move(squared_error)};
}

/** One scale for all channels: they take each sweep together. */
DescentResult descend_by_layer(const DescentContext& context, const Grid& grid,
                               const Start& start) {
    const DescentOptions& options = context.options;
    const int64_t n = context.problem.out_features();
    std::vector<ChannelDescent> channels;
    channels.reserve(static_cast<std::size_t>(n));
    for (int64_t j = 0; j < n; ++j) channels.emplace_back(context, grid, start, j);

    Matrix<double> squared_error(options.sweeps, n);
    std::vector<int64_t> moves(static_cast<std::size_t>(n));
    double layer_error = 0;
    int sweeps = 0;
    bool done = false;
    for (int k = 0; k < options.sweeps; ++k) {
        if (!done) {
            for_each_channel(n, [&](int64_t j) {
                channels[j].save();
                moves[j] = channels[j].sweep();
            });
            ScaleSums sums;
            for (const ChannelDescent& channel : channels) {
                const ScaleSums part = channel.scale_sums();
                sums.numerator += part.numerator;
                sums.denominator += part.denominator;
            }
            const float scale = minimising_scale(channels.front().scale(), sums);
            double new_error = 0;
            for (int64_t j = 0; j < n; ++j) {
                channels[j].set_scale(scale);
                squared_error(k, j) = channels[j].squared_error();
                new_error += squared_error(k, j);
            }
            done =
                std::all_of(moves.begin(), moves.end(), [](int64_t count) { return count == 0; });
            if (options.undo_worse_sweeps && k > 0 && new_error > layer_error) {
                for (ChannelDescent& channel : channels) channel.restore();
                std::copy_n(squared_error.row(k - 1), n, squared_error.row(k));
                done = true;
            }
            layer_error = new_error;
            sweeps = k + 1;
        } else {
            std::copy_n(squared_error.row(k - 1), n, squared_error.row(k));
        }
    }
    Matrix<uint8_t> bit_code(n, context.problem.in_features());
    Grid final_grid = grid;
    for (int64_t j = 0; j < n; ++j) {
        channels[j].write_codes(bit_code.row(j));
        final_grid.scale[j] = channels[j].scale();
    }
    return {on_grid(std::move(bit_code), final_grid), sweeps, std::move(squared_error)};
}

}  // namespace

DescentResult descend(const GroupProblem& problem, const Grid& grid, const Start& start,
                      const DescentOptions& options) {
    assert(options.sweeps >= 1);
    assert(std::ssize(grid.scale) == problem.out_features());
    const DescentContext context(problem, options);
    return options.scale_update == ScaleUpdate::closed_form &&
                   options.granularity == Granularity::per_layer
               ? descend_by_layer(context, grid, start)
               : descend_by_channel(context, grid, start);
}

}  // namespace comq
