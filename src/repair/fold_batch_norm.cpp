#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "repair/repair.hpp"

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
    std::vector<int64_t> along_outputs(static_cast<std::size_t>(weight.dim()), 1);
    along_outputs[0] = -1;
    weight.copy_(weight.to(torch::kDouble) * scale.view(along_outputs));
    torch::Tensor& bias = pair.convolution->bias();
    if (bias.defined()) bias.copy_(bias.to(torch::kDouble) * scale);
    // γ cancels ε: the norm is y = x + shift.
    statistics.mean.zero_();
    statistics.variance.fill_(1.0);
    norm.weight().fill_(std::sqrt(1.0 + eps));
    norm.bias().copy_(shift);
}

RepairedParts fold_batch_norm(Network& network, int64_t image_size) {
    const torch::NoGradGuard no_gradient;
    auto pairs = conv_norm_pairs(network);
    std::erase_if(pairs, [](const ConvNormPair& pair) {
        return !pair.norm->weight().defined() || !pair.norm->bias().defined();
    });
    RepairedParts parts{"fold_batch_norm", std::ssize(pairs), "BatchNorms folded"};
    if (pairs.empty()) return parts;
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
    return parts;
}

}  // namespace

/**
 * Moves the scale γ/√(σ² + ε) of each BatchNorm into the weight (and bias, if any) of its
 * convolution. The norm stays in place as an addition of its shift, so names and shapes of the
 * network do not change; nor does its function, up to rounding, which is checked on an image of
 * noise: Failure when the outputs differ.
 */
const Repair fold_batch_norm_repair{
    .enabled = [](const RepairConfig& config) { return config.fold_batch_norm; },
    .prepare = fold_batch_norm};

}  // namespace comq
