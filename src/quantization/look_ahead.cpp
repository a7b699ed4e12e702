#include "quantization/look_ahead.hpp"

#include <algorithm>
#include <vector>

#include "quantization/cholesky.hpp"
#include "quantization/first_sweep.hpp"
#include "quantization/gram_panels.hpp"
#include "quantization/order.hpp"

namespace comq {
namespace {

std::vector<int32_t> visiting_order(const GroupProblem& problem, Order order) {
    std::vector<int32_t> visits(static_cast<std::size_t>(problem.in_features()));
    if (order == Order::cyclic) {
        cyclic_order(visits);
    } else {
        const std::vector<float> equal_weights(visits.size(), 1.0F);
        greedy_order(order_norms(problem), equal_weights, visits);
    }
    return visits;
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

Start look_ahead_start(const GroupProblem& problem, const Grid& grid,
                       const LookAheadOptions& options) {
    const int64_t m = problem.in_features();
    const std::vector<int32_t> visits = visiting_order(problem, options.order);
    const Matrix<double> factor = reversed_factor(problem, visits, options.damping);
    // Row visits[a] says how an error of that coordinate moves the targets of later ones, which is
    // what H does in a sweep of coordinate descent.
    Matrix<double> influence(m, m);
    for (int64_t a = 0; a < m; ++a) {
        for (int64_t b = a; b < m; ++b) {
            influence(visits[a], visits[b]) =
                factor(m - 1 - a, m - 1 - b) / factor(m - 1 - b, m - 1 - b);
        }
    }
    const GramPanels panels(influence.view());
    const std::vector<double> unit_diagonal(static_cast<std::size_t>(m), 1.0);
    const SweepMatrix matrix{panels, unit_diagonal, true};

    Start start{Matrix<uint8_t>(problem.out_features(), m)};
    const ChannelBatches batches(problem.out_features(), m);
    batches.run([&](int64_t batch) {
        std::vector<ChannelState> channels;
        for (int64_t j = batches.first(batch); j < batches.end(batch); ++j) {
            channels.emplace_back(problem.weight.row(j), grid.levels(j), visits);
        }
        first_sweep(matrix, channels);
        for (int64_t c = 0; c < std::ssize(channels); ++c) {
            std::copy(channels[c].code.begin(), channels[c].code.end(),
                      start.bit_code.row(batches.first(batch) + c));
        }
    });
    return start;
}

}  // namespace comq
