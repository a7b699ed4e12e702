#include "quantization/look_ahead.hpp"

#include <algorithm>
#include <vector>

#include "quantization/channel_state.hpp"
#include "quantization/cholesky.hpp"
#include "quantization/order.hpp"

namespace comq {
namespace {

/** That of all channels: of the greedy orders the one that weights do not decide. */
std::vector<int32_t> visiting_order(const GroupProblem& problem, Order order) {
    const std::vector<float> norm = order_norms(problem);
    if (order == Order::cyclic || order == Order::shared) {
        return channel_order(order, problem, norm, 0);
    }
    return greedy_order(norm, std::vector<float>(norm.size(), 1.0F));
}

/**
 * L of the damped Gram with rows and columns in reverse order of visits: then R_ab stands at
 * (m−1−a, m−1−b), as a reversed upper triangle is a lower one.
 */
Matrix<double> reversed_factor(const GroupProblem& problem, const std::vector<int32_t>& visits,
                               double damping) {
    const int64_t m = problem.in_features();
    double diagonal_sum = 0;
    for (int64_t i = 0; i < m; ++i) diagonal_sum += std::max(problem.gram(i, i), 0.0);
    const double mean = diagonal_sum / static_cast<double>(m);
    while (true) {
        Matrix<double> factor(m, m);
        for (int64_t a = 0; a < m; ++a) {
            const int32_t i = visits[m - 1 - a];
            for (int64_t b = 0; b < m; ++b) factor(a, b) = problem.gram(i, visits[m - 1 - b]);
            factor(a, a) = factor(a, a) > 0 ? factor(a, a) + damping * mean : 1.0;
        }
        if (factor_cholesky(factor)) return factor;
        damping = std::max(10 * damping, 1e-6);
    }
}

}  // namespace

LookAhead::LookAhead(const GroupProblem& problem, const LookAheadOptions& options)
    : problem_(problem), visits_(visiting_order(problem, options.order)) {
    const int64_t m = problem.in_features();
    const Matrix<double> factor = reversed_factor(problem, visits_, options.damping);
    pivot_.resize(visits_.size());
    Matrix<double> influence(m, m);
    for (int64_t a = 0; a < m; ++a) {
        for (int64_t b = a; b < m; ++b) {
            influence(visits_[a], visits_[b]) =
                factor(m - 1 - a, m - 1 - b) / factor(m - 1 - b, m - 1 - b);
        }
        const double diagonal = factor(m - 1 - a, m - 1 - a);
        const bool alive = problem.gram(visits_[a], visits_[a]) > 0;
        pivot_[visits_[a]] = alive ? diagonal * diagonal : 0.0;
    }
    influence_.emplace(influence.view());
}

LookAhead::Result LookAhead::run(const Grid& grid) const {
    const int64_t m = problem_.in_features();
    const int64_t n = problem_.out_features();
    const std::vector<double> unit_diagonal(static_cast<std::size_t>(m), 1.0);
    const SweepMatrix matrix{*influence_, unit_diagonal, true};
    Result result{{Matrix<uint8_t>(n, m)}, std::vector<double>(static_cast<std::size_t>(n))};
    const ChannelBatches batches(n, m);
    batches.run([&](int64_t batch) {
        std::vector<ChannelState> channels;
        for (int64_t j = batches.first(batch); j < batches.end(batch); ++j) {
            channels.emplace_back(problem_.weight.row(j), grid, j, visits_);
        }
        first_sweep(matrix, channels);
        for (int64_t c = 0; c < std::ssize(channels); ++c) {
            const ChannelState& channel = channels[c];
            const int64_t j = batches.first(batch) + c;
            std::copy(channel.code.begin(), channel.code.end(), result.start.bit_code.row(j));
            // What is left at a coordinate is its target less its level: no later row reaches it.
            double sum = 0;
            for (int64_t i = 0; i < m; ++i) {
                sum += pivot_[i] * channel.residual[i] * channel.residual[i];
            }
            result.squared_error[j] = sum * channel.unit * channel.unit;
        }
    });
    return result;
}

Start look_ahead_start(const GroupProblem& problem, const Grid& grid,
                       const LookAheadOptions& options) {
    return LookAhead(problem, options).run(grid).start;
}

}  // namespace comq
