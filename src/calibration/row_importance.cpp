#include "calibration/row_importance.hpp"

#include <fmt/format.h>

#include <cmath>
#include <mutex>
#include <utility>

namespace comq {

namespace {

/** Importance of the rows of one call of a layer in one batch. */
struct WeightSum {
    double weight = 0.0;
    int64_t rows = 0;
};

std::string spooled_name(const std::string& layer, std::size_t call) {
    return fmt::format("{}-call{}", layer, call);
}

}  // namespace

RowImportance::RowImportance(const Network& network, const std::vector<Network::LayerEntry>& layers,
                             const SideBySide& walk, const FisherWeighting& weighting,
                             std::filesystem::path spool)
    : share_(weighting.share), spool_(std::move(spool)) {
    // By batch and call, so that the total does not depend on which ends first.
    std::map<std::string, std::map<std::pair<int64_t, std::size_t>, WeightSum>> sums;
    for (const auto& entry : layers) sums[entry.layer->name()];
    std::mutex mutex;
    walk.for_each(walk.fitted(), [&](int64_t batch) {
        visit_row_weights(
            network, walk.activation(batch), walk.images_of(batch), weighting,
            [&](const QuantizableLayer& layer) { return sums.contains(layer.name()); },
            [&](const WeightedInput& seen) {
                const std::string& name = seen.layer.name();
                spool_.store(spooled_name(name, seen.call), batch, seen.weight);
                const double sum = seen.weight.sum(torch::kDouble).item<double>();
                const std::lock_guard lock(mutex);
                sums.at(name)[{batch, seen.call}] = {sum, seen.weight.numel()};
            });
    });
    for (const auto& entry : layers) {
        const QuantizableLayer& layer = *entry.layer;
        WeightSum total;
        for (const auto& [part, sum] : sums.at(layer.name())) {
            total.weight += sum.weight;
            total.rows += sum.rows;
        }
        if (!std::isfinite(total.weight)) throw non_finite_gradients(layer);
        mean_[layer.name()] = total.rows > 0 ? total.weight / static_cast<double>(total.rows) : 0.0;
    }
}

torch::Tensor RowImportance::weight(const std::string& layer, std::size_t call,
                                    int64_t batch) const {
    const double mean = mean_.at(layer);
    const auto weight = spool_.load(spooled_name(layer, call), batch);
    if (mean == 0.0) return torch::ones_like(weight);
    return weight * (share_ / mean) + (1.0 - share_);
}

}  // namespace comq
