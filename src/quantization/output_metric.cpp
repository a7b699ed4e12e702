#include "quantization/output_metric.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "quantization/add_row.hpp"
#include "quantization/cholesky.hpp"

namespace comq {
namespace {

/** Channels of a panel: so many that preparing a method, of cost m³, is not most of the work. */
int64_t panel_width(int64_t in_features) { return std::max<int64_t>(16, in_features / 24); }

/** G with its couplings by `share`; of channels that no gradient reaches, a diagonal above 0. */
Matrix<double> shared_metric(const PackedTriangle& metric, double share) {
    Matrix<double> full = metric.unpacked();
    const int64_t n = full.rows();
    double largest = 0.0;
    for (int64_t j = 0; j < n; ++j) largest = std::max(largest, full(j, j));
    const double least = largest > 0.0 ? 1e-6 * largest : 1.0;
    for (int64_t j = 0; j < n; ++j) {
        for (int64_t k = 0; k < n; ++k) full(j, k) *= j == k ? 1.0 : share;
        full(j, j) = std::max(full(j, j), least);
    }
    return full;
}

Matrix<double> part_of(const Matrix<double>& metric, const std::vector<int64_t>& rows,
                       const std::vector<int64_t>& columns) {
    Matrix<double> part(std::ssize(rows), std::ssize(columns));
    for (int64_t i = 0; i < part.rows(); ++i) {
        for (int64_t k = 0; k < part.cols(); ++k) part(i, k) = metric(rows[i], columns[k]);
    }
    return part;
}

/** The Cholesky factor of the rows and columns `channels`, damped until there is one. */
Matrix<double> factor_of(const Matrix<double>& metric, const std::vector<int64_t>& channels) {
    for (double damping = 1e-6;; damping *= 10) {
        Matrix<double> lower = part_of(metric, channels, channels);
        for (int64_t j = 0; j < lower.rows(); ++j) lower(j, j) *= 1.0 + damping;
        if (factor_cholesky(lower)) return lower;
    }
}

class CoupledSolver {
  public:
    CoupledSolver(const Method& method, const GroupProblem& problem, Matrix<double> metric,
                  const Solution& alone)
        : method_(method),
          problem_(problem),
          metric_(std::move(metric)),
          best_(alone),
          error_(error_of(alone.weight)) {
        least_ = energy();
        order_.resize(static_cast<std::size_t>(problem.out_features()));
        std::iota(order_.begin(), order_.end(), int64_t{0});
        std::ranges::stable_sort(order_, std::greater(), [&](int64_t j) { return metric_(j, j); });
    }

    double least() const { return least_; }
    const Solution& best() const { return best_; }

    /** One panel after the other, with what those before it ask for. */
    void look_ahead() {
        const Solution before = best_;
        const Matrix<float> error_before = error_;
        const Matrix<double> asked = asked_of_later();
        for_each_panel([&](const std::vector<int64_t>& panel, int64_t first) {
            Matrix<double> shift(std::ssize(panel), problem_.in_features());
            tbb::parallel_for(int64_t{0}, shift.rows(), [&](int64_t j) {
                for (int64_t k = 0; k < first; ++k) {
                    add_error(order_[k], asked(first + j, k), shift.row(j));
                }
            });
            install(solved(panel, shift), panel);
        });
        keep_if_less(before, error_before);
    }

    /** Each panel once more, with all others as they are. */
    void round() {
        const Solution before = best_;
        const Matrix<float> error_before = error_;
        for_each_panel([&](const std::vector<int64_t>& panel, int64_t /*first*/) {
            const Matrix<double> shift = asked_by_others(panel);
            const QuantizedWeight found = solved(panel, shift);
            const auto own = part_of(metric_, panel, panel);
            if (energy_of(found, panel, shift, own) < energy_of_panel(panel, shift, own)) {
                install(found, panel);
            }
        });
        keep_if_less(before, error_before);
    }

  private:
    template <typename Visit>
    void for_each_panel(const Visit& visit) const {
        const int64_t n = problem_.out_features(), width = panel_width(problem_.in_features());
        for (int64_t first = 0; first < n; first += width) {
            const int64_t last = std::min(n, first + width);
            visit({order_.begin() + first, order_.begin() + last}, first);
        }
    }

    Matrix<float> error_of(const QuantizedWeight& weight) const {
        Matrix<float> error = dequantize(weight);
        for (int64_t j = 0; j < error.rows(); ++j) {
            for (int64_t i = 0; i < error.cols(); ++i) {
                error(j, i) = problem_.weight(j, i) - error(j, i);
            }
        }
        return error;
    }

    double energy() const { return coupled_energy(metric_, problem_.gram, error_.view()); }

    void add_error(int64_t channel, double factor, double* shift) const {
        const float* error = error_.row(channel);
        for (int64_t i = 0; i < error_.cols(); ++i) {
            shift[i] += factor * static_cast<double>(error[i]);
        }
    }

    /** u_kj / u_jj in row j, both counted in the order of channels. */
    Matrix<double> asked_of_later() const {
        const std::vector<int64_t> reversed(order_.rbegin(), order_.rend());
        const int64_t n = std::ssize(order_);
        const Matrix<double> lower = factor_of(metric_, reversed);
        Matrix<double> asked(n, n);
        for (int64_t j = 0; j < n; ++j) {
            const double own = lower(n - 1 - j, n - 1 - j);
            for (int64_t k = 0; k < j; ++k) asked(j, k) = lower(n - 1 - k, n - 1 - j) / own;
        }
        return asked;
    }

    /** E·G_·P·G_PP⁻¹ over the channels outside the panel P, [panel, m]. */
    Matrix<double> asked_by_others(const std::vector<int64_t>& panel) const {
        std::vector<int64_t> others;
        for (const int64_t j : order_) {
            if (std::ranges::find(panel, j) == panel.end()) others.push_back(j);
        }
        Matrix<double> factors = part_of(metric_, others, panel);
        solve_cholesky(factor_of(metric_, panel), factors);
        Matrix<double> shift(std::ssize(panel), problem_.in_features());
        tbb::parallel_for(int64_t{0}, shift.rows(), [&](int64_t j) {
            for (int64_t k = 0; k < factors.rows(); ++k) {
                add_error(others[k], factors(k, j), shift.row(j));
            }
        });
        return shift;
    }

    QuantizedWeight solved(const std::vector<int64_t>& panel, const Matrix<double>& shift) {
        Matrix<float> target(shift.rows(), shift.cols());
        for (int64_t j = 0; j < target.rows(); ++j) {
            for (int64_t i = 0; i < target.cols(); ++i) {
                target(j, i) = static_cast<float>(
                    static_cast<double>(problem_.weight(panel[j], i)) + shift(j, i));
            }
        }
        GroupProblem part = problem_;
        part.weight = target.view();
        Solution found = method_.solve(part);
        best_.sweeps = std::max(best_.sweeps, found.sweeps);
        return std::move(found.weight);
    }

    void install(const QuantizedWeight& found, const std::vector<int64_t>& panel) {
        const Matrix<float> levels = dequantize(found);
        for (int64_t j = 0; j < std::ssize(panel); ++j) {
            const int64_t channel = panel[j];
            std::copy_n(found.bit_code.row(j), found.in_features(),
                        best_.weight.bit_code.row(channel));
            std::copy_n(found.scale.row(j), found.scale_groups(), best_.weight.scale.row(channel));
            std::copy_n(found.zero_point.row(j), found.scale_groups(),
                        best_.weight.zero_point.row(channel));
            for (int64_t i = 0; i < levels.cols(); ++i) {
                error_(channel, i) = problem_.weight(channel, i) - levels(j, i);
            }
        }
    }

    double energy_of(const QuantizedWeight& found, const std::vector<int64_t>& panel,
                     const Matrix<double>& shift, const Matrix<double>& own) const {
        Matrix<float> left = dequantize(found);
        for (int64_t j = 0; j < left.rows(); ++j) {
            for (int64_t i = 0; i < left.cols(); ++i) {
                left(j, i) = static_cast<float>(static_cast<double>(problem_.weight(panel[j], i)) +
                                                shift(j, i) - static_cast<double>(left(j, i)));
            }
        }
        return coupled_energy(own, problem_.gram, left.view());
    }

    double energy_of_panel(const std::vector<int64_t>& panel, const Matrix<double>& shift,
                           const Matrix<double>& own) const {
        Matrix<float> left(shift.rows(), shift.cols());
        for (int64_t j = 0; j < left.rows(); ++j) {
            for (int64_t i = 0; i < left.cols(); ++i) {
                left(j, i) =
                    static_cast<float>(static_cast<double>(error_(panel[j], i)) + shift(j, i));
            }
        }
        return coupled_energy(own, problem_.gram, left.view());
    }

    void keep_if_less(const Solution& before, const Matrix<float>& error_before) {
        const double now = energy();
        if (now < least_) {
            least_ = now;
            return;
        }
        best_ = before;
        error_ = error_before;
    }

    const Method& method_;
    const GroupProblem& problem_;
    Matrix<double> metric_;
    Solution best_;
    Matrix<float> error_;  ///< W − Wq of best_, [n, m]
    double least_ = 0.0;
    std::vector<int64_t> order_;  ///< of the channels, those that count most first
};

QuantizedWeight channels_of_group(const QuantizedWeight& weight, int64_t group, int64_t groups) {
    const auto part = [&](const auto& whole) {
        auto own = whole;
        own = {whole.rows() / groups, whole.cols()};
        std::copy_n(whole.row(group * own.rows()), own.rows() * own.cols(), own.data());
        return own;
    };
    return {part(weight.bit_code), part(weight.scale), part(weight.zero_point)};
}

}  // namespace

double coupled_energy(const Matrix<double>& metric, MatrixView<const double> gram,
                      MatrixView<const float> values) {
    const int64_t n = values.rows, m = values.cols;
    COMQ_CHECK(metric.rows() == n && gram.rows == m);
    Matrix<double> products(n, m);  // V·H
    tbb::parallel_for(int64_t{0}, n, [&](int64_t j) {
        for (int64_t i = 0; i < m; ++i) {
            add_row(gram.row(i), static_cast<double>(values(j, i)), m, products.row(j));
        }
    });
    std::vector<double> of_channel(static_cast<std::size_t>(n));
    tbb::parallel_for(int64_t{0}, n, [&](int64_t j) {
        std::vector<double> mixed(static_cast<std::size_t>(m));  // Σ_k G_jk·(H v_k)
        for (int64_t k = 0; k < n; ++k) add_row(products.row(k), metric(j, k), m, mixed.data());
        for (int64_t i = 0; i < m; ++i) {
            of_channel[j] += mixed[i] * static_cast<double>(values(j, i));
        }
    });
    return std::accumulate(of_channel.begin(), of_channel.end(), 0.0);
}

CoupledSolution solve_coupled(const Method& method, const GroupProblem& problem,
                              const PackedTriangle& metric, double share, const Solution& alone) {
    COMQ_CHECK(metric.order() == problem.out_features());
    CoupledSolver solver(method, problem, shared_metric(metric, share), alone);
    const double before = solver.least();
    solver.look_ahead();
    solver.round();
    return {solver.best(), before, solver.least()};
}

Solution solve_coupled_layer(const Method& method, const std::string& layer,
                             MatrixView<const float> weight, const LayerStatistics& statistics,
                             int bits, double share, const Solution& alone) {
    const auto groups = std::ssize(statistics.output_metric);
    return solve_by_group(layer, weight, statistics, bits, [&](GroupProblem& problem, int64_t g) {
        const Solution own{channels_of_group(alone.weight, g, groups), alone.sweeps};
        return solve_coupled(method, problem, statistics.output_metric[g], share, own).solution;
    });
}

}  // namespace comq
