#include "statistics/gram_accumulator.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.hpp"
#include "statistics/split_sum.hpp"

namespace comq {

GramAccumulator::GramAccumulator(int64_t in_features, int64_t groups)
    : in_features_(in_features), groups_(groups) {}

void GramAccumulator::make_room() {
    if (!coarse_.empty()) return;
    for (int64_t g = 0; g < groups_; ++g) {
        coarse_.emplace_back(in_features_);
        fine_.emplace_back(in_features_);
    }
}

void GramAccumulator::add_rows(int64_t first_row, MatrixView<const float> block) {
    COMQ_CHECK(first_row >= 0 && first_row + block.rows <= in_features_);
    const std::lock_guard lock(mutex_);
    make_room();
    for (int64_t i = 0; i < block.rows; ++i) {
        const int64_t row = first_row + i;
        add_split(block.row(i), coarse_[0].row(row), fine_[0].row(row), row + 1);
    }
}

void GramAccumulator::add_blocks(int64_t first_row, int64_t first_col, int64_t rows, int64_t cols,
                                 const float* blocks) {
    COMQ_CHECK(first_row >= 0 && first_row + rows <= in_features_ && first_col >= 0);
    const std::lock_guard lock(mutex_);
    make_room();
    for (std::size_t g = 0; g < coarse_.size(); ++g) {
        for (int64_t i = 0; i < rows; ++i, blocks += cols) {
            const int64_t row = first_row + i;
            const int64_t count = std::min(cols, row + 1 - first_col);
            if (count <= 0) continue;
            add_split(blocks, coarse_[g].row(row) + first_col, fine_[g].row(row) + first_col,
                      count);
        }
    }
}

void GramAccumulator::add_triangles(int64_t first_group, int64_t count, const float* triangles) {
    COMQ_CHECK(first_group >= 0 && first_group + count <= groups_);
    const std::lock_guard lock(mutex_);
    make_room();
    for (int64_t k = 0; k < count; ++k) {
        auto& coarse = coarse_[static_cast<std::size_t>(first_group + k)].values();
        auto& fine = fine_[static_cast<std::size_t>(first_group + k)].values();
        add_split(triangles, coarse.data(), fine.data(), static_cast<int64_t>(coarse.size()));
        triangles += coarse.size();
    }
}

void GramAccumulator::sum_at(Communicator& ranks, int owner) {
    make_room();
    for (std::size_t g = 0; g < coarse_.size(); ++g) {
        ranks.sum_at(owner, coarse_[g].values());
        ranks.sum_at(owner, fine_[g].values());
    }
}

bool GramAccumulator::finite() const {
    for (std::size_t g = 0; g < coarse_.size(); ++g) {
        for (int64_t i = 0; i < in_features_; ++i) {
            if (!std::isfinite(coarse_[g].row(i)[i] + fine_[g].row(i)[i])) return false;
        }
    }
    return true;
}

std::vector<PackedTriangle> GramAccumulator::take() {
    make_room();
    for (std::size_t g = 0; g < coarse_.size(); ++g) {
        auto& total = coarse_[g].values();
        const auto& remainder = fine_[g].values();
        for (std::size_t k = 0; k < total.size(); ++k) total[k] += remainder[k];
        fine_[g] = PackedTriangle();
    }
    return std::exchange(coarse_, {});
}

}  // namespace comq
