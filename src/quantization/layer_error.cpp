#include "quantization/layer_error.hpp"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/check.hpp"
#include "core/simd.hpp"

namespace comq {
namespace {

constexpr int64_t lanes = 4;
constexpr int64_t vectors = 4;
/** Channels side by side: each H_ij loaded serves them all. */
constexpr int64_t at_once = lanes * vectors;
using Doubles = Vector<double, lanes>;

/**
 * Adds v_i·(2·Σ_{j<i} H_ij v_j + H_ii v_i) of `at_once` channels for two rows, i and i + 1, which
 * share what is loaded of v, [m, at_once].
 */
void add_energy_of_two(const double* row0, const double* row1, int64_t i, const double* v,
                       double* energy) {
    run_vectorized([=](auto) {
        Doubles sum0[vectors] = {};
        Doubles sum1[vectors] = {};
        for (int64_t j = 0; j < i; ++j) {
            const double entry0 = row0[j];
            const double entry1 = row1[j];
#pragma GCC unroll 4
            for (int64_t k = 0; k < vectors; ++k) {
                const Doubles value = vector_at<lanes>(v + j * at_once + k * lanes);
                sum0[k] += value * entry0;
                sum1[k] += value * entry1;
            }
        }
#pragma GCC unroll 4
        for (int64_t k = 0; k < vectors; ++k) {
            const Doubles own0 = vector_at<lanes>(v + i * at_once + k * lanes);
            const Doubles own1 = vector_at<lanes>(v + (i + 1) * at_once + k * lanes);
            Doubles& sum = vector_at<lanes>(energy + k * lanes);
            sum1[k] += own0 * row1[i];
            sum += own0 * (2.0 * sum0[k] + own0 * row0[i]);
            sum += own1 * (2.0 * sum1[k] + own1 * row1[i + 1]);
        }
    });
}

/** `gram_row(i)` points to H_i0 … H_ii. */
template <typename GramRow>
std::vector<double> energies(int64_t m, const GramRow& gram_row, MatrixView<const float> values) {
    COMQ_CHECK(values.cols == m);
    std::vector<double> result(static_cast<std::size_t>(values.rows));
    const int64_t blocks = (values.rows + at_once - 1) / at_once;
    tbb::parallel_for(int64_t{0}, blocks, [&](int64_t block) {
        const int64_t first = block * at_once;
        const int64_t count = std::min(at_once, values.rows - first);
        // For an odd m, a row of zeros makes the last two.
        AlignedVector<double> v(static_cast<std::size_t>((m + 1) * at_once), 0.0);
        for (int64_t l = 0; l < count; ++l) {
            for (int64_t i = 0; i < m; ++i) {
                v[i * at_once + l] = static_cast<double>(values(first + l, i));
            }
        }
        double energy[at_once] = {};
        int64_t i = 0;
        for (; i + 1 < m; i += 2) {
            add_energy_of_two(gram_row(i), gram_row(i + 1), i, v.data(), energy);
        }
        if (i < m) {
            const std::vector<double> zeros(static_cast<std::size_t>(m + 1), 0.0);
            add_energy_of_two(gram_row(i), zeros.data(), i, v.data(), energy);
        }
        for (int64_t l = 0; l < count; ++l) result[first + l] = std::max(energy[l], 0.0);
    });
    return result;
}

double sum_of(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
}

double ratio(double error, double signal) { return error == 0 ? 0 : error / signal; }

/** ‖difference‖_F / ‖weight‖_F. */
double weight_error(MatrixView<const float> weight, MatrixView<const float> difference) {
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
    return ratio(std::sqrt(squared_difference), std::sqrt(squared_weight));
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

/** Makes each energy at least what the rounding of the Gram leaves unknown. */
void raise_to_resolution(const PackedTriangle& gram, MatrixView<const float> values,
                         std::vector<double>& energy) {
    for (int64_t j = 0; j < values.rows; ++j) {
        double diagonal = 0;
        for (int64_t i = 0; i < values.cols; ++i) {
            const auto value = static_cast<double>(values(j, i));
            diagonal += value * value * gram.row(i)[i];
        }
        energy[j] = std::max(energy[j], gram_resolution * diagonal);
    }
}

/** Energies of all groups, one after the other. */
std::vector<double> group_energies(const std::vector<PackedTriangle>& grams,
                                   MatrixView<const float> values, bool to_resolution = false) {
    const auto groups = std::ssize(grams);
    COMQ_CHECK(groups > 0 && values.rows % groups == 0);
    std::vector<double> all;
    for (int64_t g = 0; g < groups; ++g) {
        std::vector<double> energy = channel_energies(grams[g], values.part(g, groups));
        if (to_resolution) raise_to_resolution(grams[g], values.part(g, groups), energy);
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

double signal_energy(const std::vector<PackedTriangle>& grams, MatrixView<const float> weight) {
    return sum_of(group_energies(grams, weight));
}

LayerError measure_error(const std::vector<PackedTriangle>& grams, MatrixView<const float> weight,
                         const QuantizedWeight& quantized, std::optional<double> signal) {
    const Matrix<float> difference = difference_of(weight, quantized);
    LayerError found;
    found.error = std::sqrt(sum_of(group_energies(grams, difference.view(), true)));
    found.relative_error =
        ratio(found.error, std::sqrt(signal ? *signal : signal_energy(grams, weight)));
    found.sqnr_db = -20.0 * std::log10(found.relative_error);
    found.weight_error = weight_error(weight, difference.view());
    return found;
}

}  // namespace comq
