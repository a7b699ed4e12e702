#include "statistics/cross_accumulator.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "statistics/split_sum.hpp"

namespace comq {

namespace {

std::span<double> entries(Matrix<double>& matrix) {
    return {matrix.data(), static_cast<std::size_t>(matrix.rows() * matrix.cols())};
}

std::span<const double> entries(const Matrix<double>& matrix) {
    return {matrix.data(), static_cast<std::size_t>(matrix.rows() * matrix.cols())};
}

}  // namespace

CrossAccumulator::CrossAccumulator(int64_t rows, int64_t cols, int64_t groups) {
    for (int64_t g = 0; g < groups; ++g) {
        coarse_.emplace_back(rows, cols);
        fine_.emplace_back(rows, cols);
    }
}

void CrossAccumulator::add(const float* products) {
    const std::lock_guard lock(mutex_);
    for (std::size_t g = 0; g < coarse_.size(); ++g) {
        const int64_t count = coarse_[g].rows() * coarse_[g].cols();
        add_split(products, coarse_[g].data(), fine_[g].data(), count);
        products += count;
    }
}

bool CrossAccumulator::finite() const {
    return std::ranges::all_of(coarse_, [](const Matrix<double>& sums) {
        return std::ranges::all_of(entries(sums), [](double sum) { return std::isfinite(sum); });
    });
}

std::vector<Matrix<double>> CrossAccumulator::take() {
    for (std::size_t g = 0; g < coarse_.size(); ++g) {
        const auto remainder = entries(fine_[g]);
        const auto total = entries(coarse_[g]);
        for (std::size_t k = 0; k < total.size(); ++k) total[k] += remainder[k];
    }
    fine_.clear();
    return std::exchange(coarse_, {});
}

}  // namespace comq
