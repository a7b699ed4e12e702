#include "calibration/fisher_gram.hpp"

#include "calibration/conv_gram.hpp"
#include "calibration/row_weights.hpp"

namespace comq {

FisherCollector::FisherCollector(const QuantizableLayer& layer)
    : layer_(layer), gram_(layer.in_features(), layer.groups()), weight_(1) {}

void FisherCollector::add(const torch::Tensor& input, const torch::Tensor& weight) {
    add_rows_in_portions(layer_.rows(input) * weight.sqrt().unsqueeze(2), gram_);
    const auto sum = weight.sum(torch::kDouble).item<float>();
    weight_.add_rows(0, {&sum, 1, 1});
}

void FisherCollector::sum_at(Communicator& ranks, int owner) {
    gram_.sum_at(ranks, owner);
    weight_.sum_at(ranks, owner);
}

void FisherCollector::take(double share, LayerStatistics& statistics) {
    if (!gram_.finite() || !weight_.finite()) throw non_finite_gradients(layer_);
    const double weight = weight_.take().front().row(0)[0];
    const auto& plain = statistics.grams.at(statistic::gram);
    const auto entries = static_cast<double>(statistics.rows.at(statistic::gram) * layer_.groups());
    const double weighted_share = weight > 0 ? share * entries / weight : 0.0;
    const double plain_share = weight > 0 ? 1 - share : 1.0;
    auto grams = gram_.take();
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
