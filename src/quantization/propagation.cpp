#include "quantization/propagation.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "quantization/add_row.hpp"
#include "quantization/cholesky.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/method.hpp"

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

Matrix<double> layer_shift(const std::vector<PackedTriangle>& paired,
                           MatrixView<const float> weight) {
    const auto groups = std::ssize(paired);
    Matrix<double> shift(weight.rows, weight.cols);
    tbb::parallel_for(int64_t{0}, groups, [&](int64_t g) {
        const Matrix<double> part = propagated_shift(paired[g], weight.part(g, groups));
        std::copy_n(part.data(), part.rows() * part.cols(), shift.row(g * part.rows()));
    });
    return shift;
}

}  // namespace

Matrix<double> propagated_shift(const PackedTriangle& paired, MatrixView<const float> weight) {
    COMQ_CHECK(paired.order() == 2 * weight.cols);
    Matrix<double> shift = output_change(paired, weight);
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
                                    std::optional<double> strength, const PropagationLoss& loss) {
    const auto& paired = statistics.grams.at(statistic::paired_gram);
    LayerStatistics seen;
    seen.in_features = statistics.in_features;
    seen.groups = statistics.groups;
    for (const auto& triangle : paired) {
        seen.grams[statistic::gram].push_back(quantized_part(triangle));
    }
    const bool by_path = method.follows_output_path();
    std::vector<Matrix<double>> changes;
    if (by_path) std::ranges::transform(paired, std::back_inserter(changes), input_change);
    const bool shifts = strength != 0.0 && !by_path;
    const Matrix<double> shift =
        shifts ? layer_shift(paired, weight) : Matrix<double>(weight.rows, weight.cols);
    const auto solve = [&](double a) {
        if (by_path) {
            const auto share = scaled(changes, a);
            return PropagatedSolution{solve_layer(method, layer, weight, seen, bits, share), a};
        }
        const Matrix<float> target = propagated_target(weight, shift, a);
        return PropagatedSolution{solve_layer(method, layer, target.view(), seen, bits), a};
    };
    if (strength) return solve(*strength);

    std::optional<PropagatedSolution> best;
    double least = std::numeric_limits<double>::infinity();
    for (const double a : propagation_strengths) {
        PropagatedSolution candidate = solve(a);
        const double found = loss(candidate.solution);
        if (!best || found < least) {
            least = found;
            best = std::move(candidate);
        }
    }
    return std::move(*best);
}

}  // namespace comq
