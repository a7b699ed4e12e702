#include "calibration/row_weights.hpp"

#include <unordered_map>
#include <vector>

#include "core/random.hpp"

namespace comq {

namespace {

// Squared gradients of a large network are so small (1e-9) that high powers of them would fall
// below what Grams resolve; a common factor of the weights cancels when their mean is scaled to 1.
constexpr double square_unit = 0x1p14;

/** The mean of `gradient`'s squares over the outputs of each row of `layer`, [groups, N]. */
torch::Tensor mean_square(const QuantizableLayer& layer, const torch::Tensor& gradient) {
    const auto squared = gradient.square();
    const int64_t groups = layer.groups();
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
    using Wanted = std::function<bool(const QuantizableLayer&)>;

    GradientTap(const Wanted& wanted, double power, const RowWeightVisitor& visit)
        : wanted_(wanted), power_(power), visit_(visit) {}

    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        const QuantizableLayer* layer = observed.layer();
        if (layer != nullptr && wanted_(*layer)) inputs_[layer].push_back(input.detach());
        return input;
    }

    void on_output(const Observable& observed, const torch::Tensor& output) override {
        const auto found = inputs_.find(observed.layer());
        if (found == inputs_.end()) return;
        const auto& layer = *found->first;
        output.register_hook([this, &layer, call = found->second.size() - 1,
                              input = found->second.back()](const torch::Tensor& gradient) {
            visit_({layer, call, input, (mean_square(layer, gradient) * square_unit).pow(power_)});
        });
    }

  private:
    const Wanted& wanted_;
    double power_;
    const RowWeightVisitor& visit_;
    std::unordered_map<const QuantizableLayer*, std::vector<torch::Tensor>> inputs_;  ///< by call
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

}  // namespace

void visit_row_weights(const Network& network, const torch::Tensor& pixels,
                       std::span<const int64_t> images, const FisherWeighting& weighting,
                       const std::function<bool(const QuantizableLayer&)>& wanted,
                       const RowWeightVisitor& visit) {
    const torch::AutoGradMode gradients(true);
    // Gradients reach every layer on their way to the pixels, and no parameter is touched.
    const auto input = pixels.detach().requires_grad_(true);
    GradientTap tap(wanted, weighting.power, visit);
    const auto logits = network.forward(input, &tap);
    const RandomStream random(weighting.seed, "labels drawn from predictions");
    const auto labels = drawn_labels(logits, images, random).unsqueeze(1);
    const auto loss = -torch::log_softmax(logits, 1).gather(1, labels).sum();
    torch::autograd::grad({loss}, {input});
}

InputError non_finite_gradients(const QuantizableLayer& layer) {
    return InputError(
        "layer '{}': the gradients at its outputs contain NaN or infinite values; check the "
        "checkpoint, or set calibration.weighting to none",
        layer.name());
}

}  // namespace comq
