#include "quantization/layer_error.hpp"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/check.hpp"
#include "core/vector_clones.hpp"

namespace comq {
namespace {

using DoubleVector = double __attribute__((vector_size(32)));
constexpr int64_t vectors = 4;
constexpr int64_t lanes = 4 * vectors;  ///< channels side by side: each H_ij loaded serves them all

/**
 * Adds v_i·(2·Σ_{j<i} H_ij v_j + H_ii v_i) of `lanes` channels for two rows, i and i + 1, which
 * share what is loaded of v, [m, vectors].
 */
COMQ_VECTOR_CLONES void add_energy_of_two(const double* row0, const double* row1, int64_t i,
                                          const DoubleVector* v, DoubleVector* energy) {
    DoubleVector sum0[vectors] = {};
    DoubleVector sum1[vectors] = {};
    for (int64_t j = 0; j < i; ++j) {
        const double entry0 = row0[j];
        const double entry1 = row1[j];
#pragma GCC unroll 4
        for (int64_t k = 0; k < vectors; ++k) {
            const DoubleVector value = v[j * vectors + k];
            sum0[k] += value * entry0;
            sum1[k] += value * entry1;
        }
    }
#pragma GCC unroll 4
    for (int64_t k = 0; k < vectors; ++k) {
        const DoubleVector own0 = v[i * vectors + k];
        const DoubleVector own1 = v[(i + 1) * vectors + k];
        sum1[k] += own0 * row1[i];
        energy[k] += own0 * (2.0 * sum0[k] + own0 * row0[i]);
        energy[k] += own1 * (2.0 * sum1[k] + own1 * row1[i + 1]);
    }
}

/** `gram_row(i)` points to H_i0 … H_ii. */
template <typename GramRow>
std::vector<double> energies(int64_t m, const GramRow& gram_row, MatrixView<const float> values) {
    COMQ_CHECK(values.cols == m);
    std::vector<double> result(static_cast<std::size_t>(values.rows));
    const int64_t blocks = (values.rows + lanes - 1) / lanes;
    tbb::parallel_for(int64_t{0}, blocks, [&](int64_t block) {
        const int64_t first = block * lanes;
        const int64_t count = std::min(lanes, values.rows - first);
        // Of an odd m, a row of zeros makes the last two.
        AlignedVector<DoubleVector> v(static_cast<std::size_t>((m + 1) * vectors), DoubleVector{});
        for (int64_t l = 0; l < count; ++l) {
            for (int64_t i = 0; i < m; ++i) {
                v[i * vectors + l / 4][l % 4] = static_cast<double>(values(first + l, i));
            }
        }
        DoubleVector energy[vectors] = {};
        int64_t i = 0;
        for (; i + 1 < m; i += 2) {
            add_energy_of_two(gram_row(i), gram_row(i + 1), i, v.data(), energy);
        }
        if (i < m) {
            const std::vector<double> zeros(static_cast<std::size_t>(m + 1), 0.0);
            add_energy_of_two(gram_row(i), zeros.data(), i, v.data(), energy);
        }
        for (int64_t l = 0; l < count; ++l) result[first + l] = std::max(energy[l / 4][l % 4], 0.0);
    });
    return result;
}

double sum_of(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
}

double ratio(double error, double signal) { return error == 0 ? 0 : error / signal; }

/** Everything that does not depend on where the energies came from. */
LayerError summarize(std::vector<double> error_energy, double signal_energy,
                     MatrixView<const float> weight, MatrixView<const float> difference) {
    double squared_difference = 0;
    double squared_weight = 0;
    for (int64_t j = 0; j < weight.rows; ++j) {
        for (int64_t i = 0; i < weight.cols; ++i) {
            const double d = difference(j, i);
            const double w = weight(j, i);
            squared_difference += d * d;
            squared_weight += w * w;
        }
    }
    LayerError summary;
    summary.error = std::sqrt(sum_of(error_energy));
    summary.relative_error = ratio(summary.error, std::sqrt(signal_energy));
    summary.sqnr_db = -20.0 * std::log10(summary.relative_error);
    summary.weight_error = ratio(std::sqrt(squared_difference), std::sqrt(squared_weight));
    summary.channel_error = std::move(error_energy);
    for (double& value : summary.channel_error) value = std::sqrt(value);
    return summary;
}

Matrix<float> difference_of(MatrixView<const float> weight, const QuantizedWeight& quantized) {
    Matrix<float> difference = dequantize(quantized);
    COMQ_CHECK(difference.rows() == weight.rows && difference.cols() == weight.cols);
    for (int64_t j = 0; j < weight.rows; ++j) {
        for (int64_t i = 0; i < weight.cols; ++i) {
            difference(j, i) = weight(j, i) - difference(j, i);
        }
    }
    return difference;
}

/** Energies of all groups, one after the other. */
std::vector<double> group_energies(const std::vector<PackedTriangle>& grams,
                                   MatrixView<const float> values) {
    const auto groups = std::ssize(grams);
    COMQ_CHECK(groups > 0 && values.rows % groups == 0);
    const int64_t channels = values.rows / groups;
    std::vector<double> all;
    for (int64_t g = 0; g < groups; ++g) {
        const std::vector<double> energy = channel_energies(
            grams[g], {values.row(g * channels), channels, values.cols, values.stride});
        all.insert(all.end(), energy.begin(), energy.end());
    }
    return all;
}

}  // namespace

std::vector<double> channel_energies(MatrixView<const double> gram,
                                     MatrixView<const float> values) {
    return energies(
        gram.rows, [&](int64_t i) { return gram.row(i); }, values);
}

std::vector<double> channel_energies(const PackedTriangle& gram, MatrixView<const float> values) {
    return energies(
        gram.order(), [&](int64_t i) { return gram.row(i); }, values);
}

std::vector<double> squared_channel_errors(MatrixView<const double> gram,
                                           MatrixView<const float> weight,
                                           const QuantizedWeight& quantized) {
    return channel_energies(gram, difference_of(weight, quantized).view());
}

LayerError measure_error(MatrixView<const double> gram, MatrixView<const float> weight,
                         const QuantizedWeight& quantized) {
    const Matrix<float> difference = difference_of(weight, quantized);
    return summarize(channel_energies(gram, difference.view()),
                     sum_of(channel_energies(gram, weight)), weight, difference.view());
}

double signal_energy(const std::vector<PackedTriangle>& grams, MatrixView<const float> weight) {
    return sum_of(group_energies(grams, weight));
}

LayerError measure_error(const std::vector<PackedTriangle>& grams, MatrixView<const float> weight,
                         const QuantizedWeight& quantized, double signal) {
    const Matrix<float> difference = difference_of(weight, quantized);
    return summarize(group_energies(grams, difference.view()), signal, weight, difference.view());
}

LayerError measure_error(const std::vector<PackedTriangle>& grams, MatrixView<const float> weight,
                         const QuantizedWeight& quantized) {
    return measure_error(grams, weight, quantized, signal_energy(grams, weight));
}

}  // namespace comq
