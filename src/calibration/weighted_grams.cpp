#include "calibration/weighted_grams.hpp"

#include <algorithm>
#include <utility>

#include "calibration/conv_gram.hpp"
#include "core/check.hpp"

namespace comq {

int64_t output_parts(const QuantizableLayer& layer, int64_t wanted) {
    const int64_t channels = layer.out_features() / layer.groups();
    int64_t parts = std::clamp<int64_t>(wanted, 1, channels);
    while (channels % parts != 0) --parts;
    return parts;
}

WeightedGrams::WeightedGrams(int64_t order, int64_t groups, int64_t parts) : groups_(groups) {
    for (int64_t p = 0; p < parts; ++p) sums_.emplace_back(order, groups);
}

void WeightedGrams::add(const torch::Tensor& rows, const torch::Tensor& weight) {
    const auto parts = std::ssize(sums_);
    COMQ_CHECK(weight.size(0) == groups_ * parts && weight.size(1) == rows.size(1));
    const auto root = weight.sqrt().view({groups_, parts, -1, 1});
    for (int64_t p = 0; p < parts; ++p) {
        add_rows_in_portions(rows * root.select(1, p), sums_[static_cast<std::size_t>(p)]);
    }
}

void WeightedGrams::sum_at(Communicator& ranks, int owner) {
    for (auto& sum : sums_) sum.sum_at(ranks, owner);
}

bool WeightedGrams::finite() const { return std::ranges::all_of(sums_, &GramAccumulator::finite); }

std::vector<PackedTriangle> WeightedGrams::take() {
    const auto parts = sums_.size();
    std::vector<PackedTriangle> grams(static_cast<std::size_t>(groups_) * parts);
    for (std::size_t p = 0; p < parts; ++p) {
        auto own = sums_[p].take();
        for (std::size_t g = 0; g < own.size(); ++g) grams[g * parts + p] = std::move(own[g]);
    }
    return grams;
}

}  // namespace comq
