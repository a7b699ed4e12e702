#include "repair/fold_batch_norm.hpp"

#include <cmath>

#include "core/errors.hpp"
#include "core/random.hpp"

namespace comq {

namespace {

torch::Tensor noise(int64_t size, torch::Device device) {
    const RandomStream stream(0, "fold_batch_norm");
    auto image = torch::empty({1, 3, size, size});
    auto* values = image.data_ptr<float>();
    for (int64_t i = 0; i < image.numel(); ++i) {
        values[i] = static_cast<float>(stream.normal(static_cast<uint64_t>(i)));
    }
    return image.to(device);
}

void fold(const ConvNormPair& pair) {
    Observable& norm = *pair.norm;
    BatchStatistics& statistics = *norm.batch_statistics();
    const double eps = statistics.eps;
    const auto scale =
        norm.weight().to(torch::kDouble) / (statistics.variance.to(torch::kDouble) + eps).sqrt();
    const auto shift = norm.bias().to(torch::kDouble) - statistics.mean.to(torch::kDouble) * scale;

    torch::Tensor& weight = pair.convolution->weight();
    weight.copy_(weight.to(torch::kDouble) * scale.view({-1, 1, 1, 1}));
    torch::Tensor& bias = pair.convolution->bias();
    if (bias.defined()) bias.copy_(bias.to(torch::kDouble) * scale);
    // γ cancels ε: the norm is y = x + shift.
    statistics.mean.zero_();
    statistics.variance.fill_(1.0);
    norm.weight().fill_(std::sqrt(1.0 + eps));
    norm.bias().copy_(shift);
}

}  // namespace

std::vector<ConvNormPair> conv_norm_pairs(const Network& network) {
    std::vector<ConvNormPair> pairs;
    Observable* last = nullptr;
    for (const auto& entry : network.observables()) {
        Observable* observable = entry.observable;
        if (observable->kind() == ObservableKind::convolution) {
            last = observable;
        } else if (observable->kind() == ObservableKind::batch_norm) {
            if (last != nullptr && last->weight().size(0) == observable->weight().size(0)) {
                pairs.push_back({last, observable});
            }
            last = nullptr;
        }
    }
    return pairs;
}

int64_t fold_batch_norm(Network& network, int64_t image_size) {
    const torch::NoGradGuard no_gradient;
    const auto pairs = conv_norm_pairs(network);
    if (pairs.empty()) return 0;
    const auto image = noise(image_size, pairs.front().norm->weight().device());
    const auto before = network.forward(image);
    for (const auto& pair : pairs) fold(pair);
    const auto difference = (network.forward(image) - before).norm() / before.norm();
    // Rounding of fp32 through a hundred layers; a wrong pair changes everything.
    constexpr double tolerance = 1e-3;
    if (!(difference.item<double>() < tolerance)) {
        throw Failure(
            "repair.fold_batch_norm: folding changes the output of {} by {:.1e}: a norm does not "
            "follow the convolution before it; set the key to false",
            network.model_name(), difference.item<double>());
    }
    return static_cast<int64_t>(pairs.size());
}

}  // namespace comq
