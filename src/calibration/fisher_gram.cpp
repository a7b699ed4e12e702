#include "calibration/fisher_gram.hpp"

#include <algorithm>

#include "calibration/conv_gram.hpp"
#include "core/errors.hpp"
#include "models/output_tap.hpp"

namespace comq {

/** Keeps the inputs of one batch until their outputs' gradients come by. */
class FisherCollector::BatchTaps : public Tap, public OutputTap {
  public:
    explicit BatchTaps(FisherCollector& collector) : collector_(collector) {}

    torch::Tensor on_input(const QuantizableLayer& layer, const torch::Tensor& input) override {
        if (collector_.sums_.contains(&layer)) inputs_[&layer] = input.detach();
        return input;
    }

    void on_output(const QuantizableLayer& layer, const torch::Tensor& output) override {
        const auto found = inputs_.find(&layer);
        if (found == inputs_.end()) return;
        output.register_hook([this, &layer, input = found->second](const torch::Tensor& gradient) {
            collector_.add_rows(layer, input, gradient);
        });
    }

  private:
    FisherCollector& collector_;
    std::unordered_map<const QuantizableLayer*, torch::Tensor> inputs_;
};

FisherCollector::LayerSums::LayerSums(const QuantizableLayer& layer)
    : gram(layer.in_features(), layer.groups()), weight(1) {}

FisherCollector::FisherCollector(const std::vector<Network::LayerEntry>& layers,
                                 const FisherWeighting& weighting)
    : weighting_(weighting), labels_(weighting.seed, "labels drawn from predictions") {
    for (const auto& entry : layers) {
        sums_.emplace(entry.layer, std::make_unique<LayerSums>(*entry.layer));
    }
}

torch::Tensor FisherCollector::drawn_labels(const torch::Tensor& logits,
                                            std::span<const int64_t> images) const {
    const auto probabilities =
        torch::softmax(logits.detach().to(torch::kCPU, torch::kDouble), 1).contiguous();
    const int64_t classes = probabilities.size(1);
    auto labels = torch::empty({probabilities.size(0)}, torch::kInt64);
    for (int64_t i = 0; i < probabilities.size(0); ++i) {
        const double* probability = probabilities.data_ptr<double>() + i * classes;
        double left = labels_.uniform(static_cast<uint64_t>(images[i]));
        int64_t label = 0;
        while (label < classes - 1 && left >= probability[label]) left -= probability[label++];
        labels.data_ptr<int64_t>()[i] = label;
    }
    return labels.to(logits.device());
}

void FisherCollector::add(const Network& network, const torch::Tensor& pixels,
                          std::span<const int64_t> images) {
    const torch::AutoGradMode gradients(true);
    // Gradients reach every layer on their way to the pixels, and no parameter is touched.
    const auto input = pixels.detach().requires_grad_(true);
    BatchTaps taps(*this);
    torch::Tensor logits;
    {
        const TapScope input_scope(&taps);
        const OutputTapScope output_scope(&taps);
        logits = network.forward(input);
    }
    const auto labels = drawn_labels(logits, images).unsqueeze(1);
    const auto loss = -torch::log_softmax(logits, 1).gather(1, labels).sum();
    torch::autograd::grad({loss}, {input});
}

void FisherCollector::add_rows(const QuantizableLayer& layer, const torch::Tensor& input,
                               const torch::Tensor& gradient) {
    LayerSums& sums = *sums_.at(&layer);
    const auto rows = layer.rows(input);  // [groups, N, m]
    const int64_t groups = rows.size(0);
    const auto squared = gradient.square();
    torch::Tensor mean;  // [groups, N]
    if (layer.kind() == LayerKind::linear) {
        mean = squared.mean(-1).reshape({1, -1});
    } else {
        const int64_t batch = squared.size(0);
        mean = squared.reshape({batch, groups, squared.size(1) / groups, -1})
                   .mean(2)
                   .transpose(0, 1)
                   .reshape({groups, -1});
    }
    const auto weight = mean.pow(weighting_.power);
    const auto weighted = rows * weight.sqrt().unsqueeze(2);
    for (int64_t start = 0; start < rows.size(1); start += rows_per_product) {
        const int64_t count = std::min(rows_per_product, rows.size(1) - start);
        add_product(weighted.narrow(1, start, count).transpose(1, 2), sums.gram);
    }
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
        throw InputError(
            "layer '{}': the gradients at its outputs contain NaN or infinite values; check the "
            "checkpoint, or set calibration.weighting to none",
            layer.name());
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
