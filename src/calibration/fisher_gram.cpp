#include "calibration/fisher_gram.hpp"

#include "calibration/conv_gram.hpp"

namespace comq {

FisherCollector::LayerSums::LayerSums(const QuantizableLayer& layer)
    : gram(layer.in_features(), layer.groups()), weight(1) {}

FisherCollector::FisherCollector(const std::vector<Network::LayerEntry>& layers,
                                 const FisherWeighting& weighting)
    : weighting_(weighting) {
    for (const auto& entry : layers) {
        sums_.emplace(entry.layer, std::make_unique<LayerSums>(*entry.layer));
    }
}

void FisherCollector::add(const Network& network, const torch::Tensor& pixels,
                          std::span<const int64_t> images) {
    visit_row_weights(
        network, pixels, images, weighting_,
        [&](const QuantizableLayer& layer) { return sums_.contains(&layer); },
        [&](const QuantizableLayer& layer, const torch::Tensor& input,
            const torch::Tensor& weight) { add_rows(layer, input, weight); });
}

void FisherCollector::add_rows(const QuantizableLayer& layer, const torch::Tensor& input,
                               const torch::Tensor& weight) {
    LayerSums& sums = *sums_.at(&layer);
    add_rows_in_portions(layer.rows(input) * weight.sqrt().unsqueeze(2), sums.gram);
    const auto sum = weight.sum(torch::kDouble).item<float>();
    sums.weight.add_rows(0, {&sum, 1, 1});
}

void FisherCollector::sum_at(const QuantizableLayer& layer, Communicator& ranks, int owner) {
    LayerSums& sums = *sums_.at(&layer);
    sums.gram.sum_at(ranks, owner);
    sums.weight.sum_at(ranks, owner);
}

void FisherCollector::take(const QuantizableLayer& layer, LayerStatistics& statistics) {
    LayerSums& sums = *sums_.at(&layer);
    if (!sums.gram.finite() || !sums.weight.finite()) {
        throw non_finite_gradients(layer);
    }
    const double weight = sums.weight.take().front().row(0)[0];
    const auto& plain = statistics.grams.at(statistic::gram);
    const auto entries = static_cast<double>(statistics.rows.at(statistic::gram) * layer.groups());
    const double weighted_share = weight > 0 ? weighting_.share * entries / weight : 0.0;
    const double plain_share = weight > 0 ? 1 - weighting_.share : 1.0;
    auto grams = sums.gram.take();
    for (std::size_t g = 0; g < grams.size(); ++g) {
        auto& values = grams[g].values();
        const auto& plain_values = plain[g].values();
        for (std::size_t k = 0; k < values.size(); ++k) {
            values[k] = weighted_share * values[k] + plain_share * plain_values[k];
        }
    }
    statistics.rows[statistic::weighted_gram] = statistics.rows.at(statistic::gram);
    statistics.grams[statistic::weighted_gram] = std::move(grams);
}

}  // namespace comq
