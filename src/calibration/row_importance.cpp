#include "calibration/row_importance.hpp"

#include <cmath>
#include <mutex>
#include <utility>

namespace comq {

namespace {

/** Importance of the rows of one layer in one batch. */
struct WeightSum {
    double weight = 0.0;
    int64_t rows = 0;
};

}  // namespace

RowImportance::RowImportance(const Network& network, const std::vector<Network::LayerEntry>& layers,
                             const SideBySide& walk, const FisherWeighting& weighting,
                             std::filesystem::path spool)
    : share_(weighting.share), spool_(std::move(spool)) {
    // By batch, so that the total does not depend on which ends first.
    std::map<std::string, std::map<int64_t, WeightSum>> sums;
    for (const auto& entry : layers) sums[entry.layer->name()];
    std::mutex mutex;
    walk.for_each(walk.fitted(), [&](int64_t batch) {
        visit_row_weights(
            network, walk.activation(batch), walk.images_of(batch), weighting,
            [&](const QuantizableLayer& layer) { return sums.contains(layer.name()); },
            [&](const QuantizableLayer& layer, const torch::Tensor& /*input*/,
                const torch::Tensor& weight) {
                spool_.store(layer.name(), batch, weight);
                const double sum = weight.sum(torch::kDouble).item<double>();
                const std::lock_guard lock(mutex);
                sums.at(layer.name())[batch] = {sum, weight.numel()};
            });
    });
    for (const auto& entry : layers) {
        const QuantizableLayer& layer = *entry.layer;
        WeightSum total;
        for (const auto& [batch, sum] : sums.at(layer.name())) {
            total.weight += sum.weight;
            total.rows += sum.rows;
        }
        if (!std::isfinite(total.weight)) throw non_finite_gradients(layer);
        mean_[layer.name()] = total.rows > 0 ? total.weight / static_cast<double>(total.rows) : 0.0;
    }
}

torch::Tensor RowImportance::weight(const std::string& layer, int64_t batch) const {
    const double mean = mean_.at(layer);
    const auto weight = spool_.load(layer, batch);
    if (mean == 0.0) return torch::ones_like(weight);
    return weight * (share_ / mean) + (1.0 - share_);
}

}  // namespace comq
