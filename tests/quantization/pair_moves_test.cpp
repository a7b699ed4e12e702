#include "quantization/channel_state.hpp"

#include <algorithm>
#include <vector>

#include "quantization/explicit_reference.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

/** A channel on which sweeps over coordinates and over pairs have both settled. */
Matrix<uint8_t> settled_codes(const GroupProblem& problem, const Grid& grid) {
    DescentOptions options;
    options.sweeps = 200;
    options.pair_sweeps = 100;
    return descend(problem, grid, rtn_start(problem.weight, grid), options).weight.bit_code;
}

/** sweep_pairs by its definition: every partner of every coordinate, in fp64. */
int64_t reference_sweep(const DescentContext& context, ChannelState& channel) {
    const auto step_of = [&](int64_t i) { return channel.group_of(i).ratio; };
    const auto curvature = [&](int64_t i) {
        return step_of(i) * step_of(i) / context.inverse_diagonal[i];
    };
    const auto cost = [&](int64_t i, int direction) {
        return curvature(i) - direction * 2 * step_of(i) * channel.residual[i];
    };
    const auto may_step = [&](int64_t i, int direction) {
        const int code = channel.code[i] + direction;
        return context.inverse_diagonal[i] > 0 && code >= 0 && code < context.problem.levels();
    };
    int64_t moves = 0;
    for (const int32_t i : channel.order) {
        double least = -1e-6 * curvature(i);
        int64_t partner = -1;
        int own = 0, other = 0;
        for (const int a : {1, -1}) {
            for (int64_t j = 0; j < context.in_features(); ++j) {
                for (const int b : {1, -1}) {
                    if (j == i || !may_step(i, a) || !may_step(j, b)) continue;
                    const double shared = 2 * a * b * step_of(i) * step_of(j) *
                                          context.problem.gram(i, j) / context.panels.unit();
                    const double both = cost(i, a) + cost(j, b) + shared;
                    if (both < least) {
                        least = both;
                        partner = j;
                        own = a;
                        other = b;
                    }
                }
            }
        }
        if (partner < 0) continue;
        move_coordinate(context, channel, i, channel.code[i] + own);
        move_coordinate(context, channel, partner, channel.code[partner] + other);
        ++moves;
    }
    return moves;
}

}  // namespace

TEST_CASE("a sweep over pairs moves those that the definition does, whatever inputs weigh") {
    const float outlier = GENERATE(1.0F, 1e-3F, 1e3F, 1e5F);
    const bool fits_zero_points = GENERATE(false, true);
    int64_t moved = 0;
    for (uint64_t seed = 0; seed < 12; ++seed) {
        const int64_t m = 70;  // more than two panels, the last one not full
        ExplicitLayer layer = random_layer(900 + seed, 30, m, 3);
        for (int64_t row = 0; row < layer.inputs.rows(); ++row) {
            layer.inputs(row, 5) *= outlier;
            layer.inputs(row, 66) *= outlier;
            layer.inputs(row, 7) = 0;
        }
        layer.gram = gram_of(layer.inputs);
        const GroupProblem problem = layer.problem(2);
        DescentOptions options;
        options.fit_zero_points = fits_zero_points;
        const DescentContext context(problem, options);
        const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), 2, 0.7, {}, 1);
        const Start start = rtn_start(problem.weight, grid);
        for (int64_t c = 0; c < problem.out_features(); ++c) {
            std::vector<ChannelState> channels{make_channel(context, grid, c)};
            prepare_channels(context, start, c, channels);
            while (sweep_channel(context, channels.front()) > 0) {
            }
            ChannelState expected = channels.front();
            const int64_t moves = reference_sweep(context, expected);
            CHECK(sweep_pairs(context, channels.front()) == moves);
            CHECK(channels.front().code == expected.code);
            moved += moves;
        }
    }
    CHECK(moved > 50);
}

TEST_CASE("settled pairs have no better neighbouring levels, by trying all") {
    const int64_t groups = GENERATE(1, 2);
    int improved = 0;
    for (uint64_t seed = 0; seed < 12; ++seed) {
        const ExplicitLayer layer = random_layer(400 + seed, 40, 10, 1);
        const GroupProblem problem = layer.problem(2);
        const Grid grid =
            minmax_grid(Granularity::per_group, layer.weight.view(), 2, 0.7, {}, groups);
        const Matrix<uint8_t> codes = settled_codes(problem, grid);
        const auto error_of = [&](const Matrix<uint8_t>& tried) {
            return explicit_squared_error(layer, dequantize(on_grid(tried, grid))).front();
        };
        const double reached = error_of(codes);
        for (int64_t i = 0; i < 10; ++i) {
            for (int64_t j = 0; j < i; ++j) {
                for (const int a : {-1, 0, 1}) {
                    for (const int b : {-1, 0, 1}) {
                        Matrix<uint8_t> other = codes;
                        other(0, i) = static_cast<uint8_t>(std::clamp(codes(0, i) + a, 0, 3));
                        other(0, j) = static_cast<uint8_t>(std::clamp(codes(0, j) + b, 0, 3));
                        CHECK(error_of(other) >= reached * (1 - 1e-5));
                    }
                }
            }
        }
        DescentOptions single;
        single.sweeps = 200;
        const Start start = rtn_start(problem.weight, grid);
        const double without = error_of(descend(problem, grid, start, single).weight.bit_code);
        CHECK(reached <= without * (1 + 1e-6));
        improved += reached < without * (1 - 1e-3);
    }
    CHECK(improved >= 2);
}
