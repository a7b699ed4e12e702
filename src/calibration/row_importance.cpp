#include "calibration/row_importance.hpp"

#include <fmt/format.h>

#include <cmath>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "calibration/conv_gram.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"

namespace comq {

namespace {

// Squared gradients of a large network are so small (1e-9) that high powers of them would fall
// below what Grams resolve; a common factor of the weights cancels when their mean is scaled to 1.
constexpr double square_unit = 0x1p14;

constexpr double smallest_square = 1e-38;

/** The mean of `gradient`'s squares over the outputs of each row in each part, [groups · parts, N].
 */
torch::Tensor mean_square(const QuantizableLayer& layer, const torch::Tensor& gradient,
                          int64_t parts) {
    const auto squared = gradient.square();
    const int64_t groups = layer.groups() * parts;
    if (layer.convolution() == nullptr) {
        return squared.reshape({-1, groups, squared.size(-1) / groups}).mean(2).t().contiguous();
    }
    const int64_t batch = squared.size(0);
    return squared.reshape({batch, groups, squared.size(1) / groups, -1})
        .mean(2)
        .transpose(0, 1)
        .reshape({groups, -1});
}

/** Keeps the inputs of one batch until their outputs' gradients come by. */
class GradientTap : public Tap {
  public:
    GradientTap(const std::vector<Network::LayerEntry>& layers, const RowWeighting& weighting,
                const RowWeightVisitor& visit)
        : weighting_(weighting), visit_(visit) {
        for (const auto& entry : layers) inputs_[entry.layer->name()];
    }

    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        const auto found = inputs_.find(observed.name());
        if (found != inputs_.end()) found->second.push_back(input.detach());
        return input;
    }

    void on_output(const Observable& observed, const torch::Tensor& output) override {
        const auto found = inputs_.find(observed.name());
        if (found == inputs_.end()) return;
        const QuantizableLayer& layer = *observed.layer();
        output.register_hook([this, &layer, call = found->second.size() - 1,
                              input = found->second.back()](const torch::Tensor& gradient) {
            const auto squares =
                mean_square(layer, gradient, output_parts(layer, weighting_.parts));
            visit_({layer, call, input, (squares * square_unit).pow(weighting_.power), gradient,
                    squares});
        });
    }

  private:
    const RowWeighting& weighting_;
    const RowWeightVisitor& visit_;
    /** By name, for the layers that are listed may be those of another copy; by call. */
    std::unordered_map<std::string, std::vector<torch::Tensor>> inputs_;
};

torch::Tensor drawn_labels(const torch::Tensor& logits, std::span<const int64_t> images,
                           const RandomStream& random) {
    const auto probabilities =
        torch::softmax(logits.detach().to(torch::kCPU, torch::kDouble), 1).contiguous();
    const int64_t classes = probabilities.size(1);
    auto labels = torch::empty({probabilities.size(0)}, torch::kInt64);
    for (int64_t i = 0; i < probabilities.size(0); ++i) {
        const double* probability = probabilities.data_ptr<double>() + i * classes;
        double left = random.uniform(static_cast<uint64_t>(images[i]));
        int64_t label = 0;
        while (label < classes - 1 && left >= probability[label]) left -= probability[label++];
        labels.data_ptr<int64_t>()[i] = label;
    }
    return labels.to(logits.device());
}

/** What to throw when a weight of `layer` is NaN or infinite. */
InputError non_finite_gradients(const QuantizableLayer& layer) {
    return InputError(
        "layer '{}': the gradients at its outputs contain NaN or infinite values; check the "
        "checkpoint, or set calibration.weighting to none",
        layer.name());
}

/** Importance of the rows of one call of a layer in one batch. */
struct WeightSum {
    double weight = 0.0;
    int64_t rows = 0;
};

std::string spooled_name(const std::string& layer, std::size_t call) {
    return fmt::format("{}-call{}", layer, call);
}

}  // namespace

torch::Tensor WeightedInput::unit_gradient() const {
    return output_rows(layer, gradient, mean_square.size(0) / layer.groups()) *
           mean_square.clamp_min(smallest_square).rsqrt().unsqueeze(2);
}

void visit_row_weights(const Network& network, const std::vector<Network::LayerEntry>& layers,
                       const torch::Tensor& pixels, std::span<const int64_t> images,
                       const RowWeighting& weighting, const RowWeightVisitor& visit) {
    const torch::AutoGradMode gradients(true);
    // Gradients reach every layer on their way to the pixels, and no parameter is touched.
    const auto input = pixels.detach().requires_grad_(true);
    GradientTap tap(layers, weighting, visit);
    const auto logits = network.forward(input, &tap);
    const RandomStream random(weighting.seed, "labels drawn from predictions");
    const auto labels = drawn_labels(logits, images, random).unsqueeze(1);
    const auto loss = -torch::log_softmax(logits, 1).gather(1, labels).sum();
    torch::autograd::grad({loss}, {input});
}

WeightedGramCollector::WeightedGramCollector(const QuantizableLayer& layer,
                                             const RowWeighting& weighting)
    : layer_(layer),
      parts_(output_parts(layer, weighting.parts)),
      share_(weighting.share),
      gram_(layer.in_features(), layer.groups(), parts_),
      weight_(1) {}

void WeightedGramCollector::add(const torch::Tensor& input, const torch::Tensor& weight) {
    gram_.add(layer_.rows(input), weight);
    const auto sum = weight.sum(torch::kDouble).item<float>();
    weight_.add_rows(0, {&sum, 1, 1});
}

void WeightedGramCollector::sum_at(Communicator& ranks, int owner) {
    gram_.sum_at(ranks, owner);
    weight_.sum_at(ranks, owner);
}

void WeightedGramCollector::take(LayerStatistics& statistics) {
    if (!gram_.finite() || !weight_.finite()) throw non_finite_gradients(layer_);
    const double weight = weight_.take().front().row(0)[0];
    const auto& plain = statistics.grams.at(statistic::gram);
    const auto entries =
        static_cast<double>(statistics.rows.at(statistic::gram) * layer_.groups() * parts_);
    const double weighted_share = weight > 0 ? share_ * entries / weight : 0.0;
    const double plain_share = weight > 0 ? 1 - share_ : 1.0;
    auto grams = gram_.take();
    for (std::size_t g = 0; g < grams.size(); ++g) {
        auto& values = grams[g].values();
        const auto& plain_values = plain[g / static_cast<std::size_t>(parts_)].values();
        for (std::size_t k = 0; k < values.size(); ++k) {
            values[k] = weighted_share * values[k] + plain_share * plain_values[k];
        }
    }
    statistics.rows[statistic::weighted_gram] = statistics.rows.at(statistic::gram);
    statistics.grams[statistic::weighted_gram] = std::move(grams);
}

OutputMetricCollector::OutputMetricCollector(const QuantizableLayer& layer, int64_t parts)
    : layer_(layer),
      metric_(layer.out_features() / layer.groups() / parts, layer.groups() * parts) {}

void OutputMetricCollector::add(const WeightedInput& seen) {
    add_rows_in_portions(seen.unit_gradient() * seen.weight.sqrt().unsqueeze(2), metric_);
}

std::vector<PackedTriangle> OutputMetricCollector::take() {
    if (!metric_.finite()) throw non_finite_gradients(layer_);
    return metric_.take();
}

RowImportance::RowImportance(const Network& network, const std::vector<Network::LayerEntry>& layers,
                             const SideBySide& walk, const RowWeighting& weighting,
                             bool output_metric, std::filesystem::path spool)
    : share_(weighting.share), parts_(weighting.parts), spool_(std::move(spool)) {
    // By batch and call, so that the total does not depend on which ends first.
    std::map<std::string, std::map<std::pair<int64_t, std::size_t>, WeightSum>> sums;
    std::map<std::string, OutputMetricCollector> metrics;
    for (const auto& entry : layers) {
        const std::string& name = entry.layer->name();
        sums[name];
        if (output_metric) {
            metrics.try_emplace(name, *entry.layer, output_parts(*entry.layer, weighting.parts));
        }
    }
    std::mutex mutex;
    walk.for_each(walk.fitted(), [&](int64_t batch) {
        visit_row_weights(network, layers, walk.activation(batch), walk.images_of(batch), weighting,
                          [&](const WeightedInput& seen) {
                              const std::string& name = seen.layer.name();
                              spool_.store(spooled_name(name, seen.call), batch, seen.weight);
                              if (output_metric) metrics.at(name).add(seen);
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
        if (output_metric) metrics_[layer.name()] = metrics.at(layer.name()).take();
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
