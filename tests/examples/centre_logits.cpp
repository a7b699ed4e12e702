#include "examples/centre_logits.hpp"

#include <map>
#include <mutex>

namespace comq {

namespace {

std::vector<RepairedParts> centre_logits(RepairContext& context) {
    const torch::NoGradGuard no_gradient;
    // By batch, so that their sum does not depend on which ends first.
    std::map<int64_t, torch::Tensor> errors;
    std::mutex mutex;
    const auto look = [&](const torch::Tensor& pixels, const ImageBatch& batch) {
        const torch::InferenceMode inference;
        const auto error = context.network.forward(pixels) - context.original.forward(pixels);
        const std::lock_guard lock(mutex);
        errors[batch.batch] = error.to(torch::kDouble).sum(0);
    };
    context.pass.run("logits", "centring logits", look);
    torch::Tensor& bias = context.network.layers().back().layer->bias();
    const auto images = static_cast<double>(context.pass.count());
    for (const auto& [batch, error] : errors) bias.sub_(error / images);
    return {{"centre_logits", 1, "classifier centred"}};
}

}  // namespace

/** Takes what logits are off by, on average over the images, from the bias of the classifier. */
const Repair centre_logits_repair{
    .enabled = [](const RepairConfig&) { return true; },
    .apply = centre_logits,
    .forwards = [](const RepairSize& size) { return 2.0 * size.images; }};

}  // namespace comq
