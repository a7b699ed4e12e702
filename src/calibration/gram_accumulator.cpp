#include "calibration/gram_accumulator.hpp"

#include <cmath>
#include <utility>

namespace comq {

namespace {

// Adding and subtracting 1.5 · 2^52 · q rounds a double to the nearest multiple of q.
constexpr double round_to_coarse = 0x1.8p40;  // q = 2^-12
constexpr double round_to_fine = 0x1.8p2;     // q = 2^-50

void add_row(const float* __restrict addend, double* __restrict coarse, double* __restrict fine,
             int64_t count) {
    for (int64_t j = 0; j < count; ++j) {
        const double value = addend[j];
        const double high = (value + round_to_coarse) - round_to_coarse;
        const double low = ((value - high) + round_to_fine) - round_to_fine;
        coarse[j] += high;
        fine[j] += low;
    }
}

}  // namespace

GramAccumulator::GramAccumulator(int64_t in_features)
    : in_features_(in_features), coarse_(in_features), fine_(in_features) {}

void GramAccumulator::add_rows(int64_t first_row, MatrixView<const float> block) {
    const std::lock_guard lock(mutex_);
    for (int64_t i = 0; i < block.rows; ++i) {
        const int64_t row = first_row + i;
        add_row(block.row(i), coarse_.row(row), fine_.row(row), row + 1);
    }
}

bool GramAccumulator::finite() const {
    for (int64_t i = 0; i < in_features_; ++i) {
        if (!std::isfinite(coarse_.row(i)[i] + fine_.row(i)[i])) return false;
    }
    return true;
}

PackedTriangle GramAccumulator::take() {
    auto& total = coarse_.values();
    const auto& remainder = fine_.values();
    for (std::size_t k = 0; k < total.size(); ++k) total[k] += remainder[k];
    fine_ = PackedTriangle();
    return std::exchange(coarse_, PackedTriangle());
}

}  // namespace comq
