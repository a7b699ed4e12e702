#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "networks/same_function.hpp"
#include "repair/repair.hpp"

namespace comq {

namespace {

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
    const SameFunction function(network, image_size);
    for (const auto& pair : pairs) fold(pair);
    if (const double change = function.change(); !(change < SameFunction::tolerance)) {
        throw Failure(
            "repair.fold_batch_norm: folding changes the output of {} by {:.1e}: a norm does not "
            "follow the convolution before it; set the key to false",
            network.model_name(), change);
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
