#include "quantization/propagation.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "quantization/add_row.hpp"
#include "quantization/cholesky.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/method.hpp"
#include "quantization/output_metric.hpp"

namespace comq {
namespace {

constexpr double damping = 0.01;

/** H̃, the Gram of the first m of the 2m coordinates. */
PackedTriangle quantized_part(const PackedTriangle& paired) {
    PackedTriangle gram(paired.order() / 2);
    std::copy_n(paired.values().begin(), gram.values().size(), gram.values().begin());
    return gram;
}

/** H̃ + λI in Cholesky factors; more damping where that is not positive definite. */
Matrix<double> damped_factor(const PackedTriangle& gram) {
    const int64_t m = gram.order();
    double mean = 0.0;
    for (int64_t i = 0; i < m; ++i) mean += gram.row(i)[i] / static_cast<double>(m);
    if (mean <= 0.0) mean = 1.0;  // nothing was ever active: any target is as good
    for (double share = damping;; share *= 10) {
        Matrix<double> factor = gram.unpacked();
        for (int64_t i = 0; i < m; ++i) factor(i, i) += share * mean;
        if (factor_cholesky(factor)) return factor;
    }
}

/** (X − X̃)ᵀX̃, the transpose of G − H̃; row m + i of the pair holds x_i·x̃. */
Matrix<double> input_change(const PackedTriangle& paired) {
    const int64_t m = paired.order() / 2;
    Matrix<double> change = quantized_part(paired).unpacked();
    for (int64_t i = 0; i < m; ++i) {
        const double* pair = paired.row(m + i);
        for (int64_t k = 0; k < m; ++k) change(i, k) = pair[k] - change(i, k);
    }
    return change;
}

/** (G − H̃)w of each channel, [n, m]. */
Matrix<double> output_change(const PackedTriangle& paired, MatrixView<const float> weight) {
    const int64_t m = weight.cols;
    const Matrix<double> inputs = input_change(paired);
    Matrix<double> change(weight.rows, m);
    tbb::parallel_for(int64_t{0}, weight.rows, [&](int64_t j) {
        for (int64_t i = 0; i < m; ++i) {
            add_row(inputs.row(i), static_cast<double>(weight(j, i)), m, change.row(j));
        }
    });
    return change;
}

std::vector<Matrix<double>> scaled(std::vector<Matrix<double>> matrices, double factor) {
    for (auto& matrix : matrices) {
        std::for_each_n(matrix.data(), matrix.rows() * matrix.cols(),
                        [&](double& value) { value *= factor; });
    }
    return matrices;
}

/** [out, m] of what `part(group)` gives for each group, [out / groups, m]. */
template <typename Part>
Matrix<double> for_each_group(int64_t groups, MatrixView<const float> weight, const Part& part) {
    Matrix<double> whole(weight.rows, weight.cols);
    tbb::parallel_for(int64_t{0}, groups, [&](int64_t g) {
        const Matrix<double> own = part(g);
        std::copy_n(own.data(), own.rows() * own.cols(), whole.row(g * own.rows()));
    });
    return whole;
}

/** Solutions of one layer by their strengths. */
class StrengthSearch {
  public:
    StrengthSearch(const Method& method, const std::string& layer, MatrixView<const float> weight,
                   const LayerStatistics& statistics, int bits)
        : method_(method),
          layer_(layer),
          weight_(weight),
          paired_(statistics.grams.at(statistic::paired_gram)),
          moment_(statistics.residual_moment),
          bits_(bits) {
        seen_.output_metric = statistics.output_metric;
        seen_.in_features = statistics.in_features;
        seen_.groups = std::ssize(paired_);
        std::ranges::transform(paired_, std::back_inserter(seen_.grams[statistic::gram]),
                               quantized_part);
        if (method.follows_output_path()) {
            std::ranges::transform(paired_, std::back_inserter(changes_), input_change);
        }
    }

    bool has_stream() const { return !moment_.empty(); }

    PropagatedSolution solve(double a, double b) {
        PropagatedSolution solution{
            solve_layer(method_, layer_, target_of(a, b).view(), seen_, bits_, scaled(changes_, a)),
            a,
            {}};
        if (has_stream()) solution.residual = b;
        return solution;
    }

    /** `alone` with its output channels solved together. */
    PropagatedSolution coupled(const PropagatedSolution& alone, double share) {
        PropagatedSolution solution = alone;
        const auto target = target_of(alone.strength, alone.residual.value_or(0.0));
        solution.solution = solve_coupled_layer(method_, layer_, target.view(), seen_, bits_, share,
                                                alone.solution);
        return solution;
    }

  private:
    Matrix<float> target_of(double a, double b) {
        Matrix<float> target =
            propagated_target(weight_, Matrix<double>(weight_.rows, weight_.cols), 0.0);
        if (a != 0.0 && !method_.follows_output_path()) {
            target = propagated_target(target.view(), of_inputs(), a);
        }
        if (b != 0.0) target = propagated_target(target.view(), of_stream(), b);
        return target;
    }

    const Matrix<double>& of_inputs() {
        if (!of_inputs_) {
            const auto groups = std::ssize(paired_);
            of_inputs_ = for_each_group(groups, weight_, [&](int64_t g) {
                return propagated_shift(paired_[g], weight_.part(g, groups));
            });
        }
        return *of_inputs_;
    }
    const Matrix<double>& of_stream() {
        if (!of_stream_) {
            of_stream_ = for_each_group(std::ssize(paired_), weight_, [&](int64_t g) {
                return residual_shift(paired_[g], moment_[g]);
            });
        }
        return *of_stream_;
    }

    const Method& method_;
    const std::string& layer_;
    MatrixView<const float> weight_;
    const std::vector<PackedTriangle>& paired_;
    const std::vector<Matrix<double>>& moment_;
    int bits_;
    LayerStatistics seen_;
    std::vector<Matrix<double>> changes_;
    std::optional<Matrix<double>> of_inputs_;
    std::optional<Matrix<double>> of_stream_;
};

bool is_weaker(const PropagatedSolution& one, const PropagatedSolution& other) {
    return std::pair(one.strength, one.residual) < std::pair(other.strength, other.residual);
}

/**
 * Goes from the strength `first` to a neighbour of propagation_strengths as long as that one has
 * less loss, or as much and less strength. `known` has losses by strength; others are asked for
 * once.
 */
void walk_strengths(double first, std::map<double, double> known,
                    const std::function<double(double)>& loss_at) {
    const std::span strengths = propagation_strengths;
    const auto loss_of = [&](std::ptrdiff_t i) {
        const auto found = known.find(strengths[i]);
        return found != known.end() ? found->second : known[strengths[i]] = loss_at(strengths[i]);
    };
    auto at = std::ranges::find(strengths, first) - strengths.begin();
    COMQ_CHECK(at < std::ssize(strengths));
    const auto goes = [&](std::ptrdiff_t step) {
        const auto next = at + step;
        if (next < 0 || next == std::ssize(strengths)) return false;
        const double there = loss_of(next), here = loss_of(at);
        if (!(there < here || (there == here && step < 0))) return false;
        at = next;
        return true;
    };
    loss_of(at);
    if (goes(-1)) {
        while (goes(-1)) {
        }
    } else {
        while (goes(1)) {
        }
    }
}

}  // namespace

Matrix<double> propagated_shift(const PackedTriangle& paired, MatrixView<const float> weight) {
    COMQ_CHECK(paired.order() == 2 * weight.cols);
    Matrix<double> shift = output_change(paired, weight);
    solve_cholesky(damped_factor(quantized_part(paired)), shift);
    return shift;
}

Matrix<double> residual_shift(const PackedTriangle& paired, const Matrix<double>& moment) {
    COMQ_CHECK(paired.order() == 2 * moment.cols());
    Matrix<double> shift = moment;
    solve_cholesky(damped_factor(quantized_part(paired)), shift);
    return shift;
}

Matrix<float> propagated_target(MatrixView<const float> weight, const Matrix<double>& shift,
                                double strength) {
    COMQ_CHECK(shift.rows() == weight.rows && shift.cols() == weight.cols);
    Matrix<float> target(weight.rows, weight.cols);
    for (int64_t j = 0; j < weight.rows; ++j) {
        for (int64_t i = 0; i < weight.cols; ++i) {
            target(j, i) =
                static_cast<float>(static_cast<double>(weight(j, i)) + strength * shift(j, i));
        }
    }
    return target;
}

double propagated_error(const PackedTriangle& paired, MatrixView<const float> weight,
                        MatrixView<const float> quantized) {
    // The rows [x̃ x] times (−wq, w).
    const int64_t m = weight.cols;
    COMQ_CHECK(quantized.rows == weight.rows && quantized.cols == m);
    Matrix<float> both(weight.rows, 2 * m);
    for (int64_t j = 0; j < weight.rows; ++j) {
        for (int64_t i = 0; i < m; ++i) {
            both(j, i) = -quantized(j, i);
            both(j, m + i) = weight(j, i);
        }
    }
    double error = 0.0;
    for (const double energy : channel_energies(paired, both.view())) error += energy;
    return error;
}

double heldout_propagated_error(const LayerStatistics& statistics, MatrixView<const float> weight,
                                const QuantizedWeight& quantized) {
    const auto& paired = statistics.grams.at(statistic::heldout_paired_gram);
    const Matrix<float> levels = dequantize(quantized);
    const auto groups = std::ssize(paired);
    double error = 0.0;
    for (int64_t g = 0; g < groups; ++g) {
        error += propagated_error(paired[g], weight.part(g, groups), levels.view().part(g, groups));
    }
    return error;
}

PropagatedSolution solve_propagated(const Method& method, const std::string& layer,
                                    MatrixView<const float> weight,
                                    const LayerStatistics& statistics, int bits,
                                    const PropagationStrengths& strengths,
                                    const PropagationLoss& loss) {
    StrengthSearch search(method, layer, weight, statistics, bits);
    const bool chooses_residual = search.has_stream() && !strengths.residual;
    const double known_residual = search.has_stream() ? strengths.residual.value_or(0.0) : 0.0;
    const bool couples = strengths.coupling > 0.0 && !statistics.output_metric.empty();
    if (strengths.inputs && !chooses_residual) {
        PropagatedSolution solution = search.solve(*strengths.inputs, known_residual);
        return couples ? search.coupled(solution, strengths.coupling) : solution;
    }
    std::optional<PropagatedSolution> best;
    double least = std::numeric_limits<double>::infinity();
    const auto consider = [&](PropagatedSolution candidate) {
        const double found = loss(candidate.solution);
        if (!best || found < least || (found == least && is_weaker(candidate, *best))) {
            least = found;
            best = std::move(candidate);
        }
        return found;
    };
    const auto loss_at = [&](double a, double b) { return consider(search.solve(a, b)); };
    if (strengths.inputs) {
        loss_at(*strengths.inputs, known_residual);
    } else {
        walk_strengths(strengths.likely_inputs, {},
                       [&](double a) { return loss_at(a, known_residual); });
    }
    if (chooses_residual) {
        const double a = best->strength;
        walk_strengths(strengths.likely_residual, {{0.0, least}},
                       [&](double b) { return loss_at(a, b); });
    }
    if (couples) consider(search.coupled(*best, strengths.coupling));
    return std::move(*best);
}

}  // namespace comq
