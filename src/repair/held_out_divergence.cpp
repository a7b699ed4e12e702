#include "repair/held_out_divergence.hpp"

#include <mutex>

namespace comq {

HeldOutDivergence::HeldOutDivergence(const RepairContext& context)
    : network_(context.network),
      pass_(context.pass.over(context.held_out).in_batches_of(context.micro_batch)),
      expected_(predictions_of(context.original)) {}

HeldOutDivergence::ByBatch HeldOutDivergence::predictions_of(const Network& network) const {
    ByBatch predictions;
    std::mutex mutex;
    pass_.run("held-out images", "judging",
              [&](const torch::Tensor& pixels, const ImageBatch& batch) {
                  const torch::NoGradGuard no_gradient;
                  const auto logits = network.forward(pixels).to(torch::kCPU, torch::kDouble);
                  const std::lock_guard lock(mutex);
                  predictions[batch.batch] = torch::log_softmax(logits, 1);
              });
    return predictions;
}

double HeldOutDivergence::measure() const {
    double sum = 0.0;
    int64_t images = 0;
    for (const auto& [batch, actual] : predictions_of(network_)) {
        const torch::Tensor& expected = expected_.at(batch);
        sum += (expected.exp() * (expected - actual)).sum().item<double>();
        images += expected.size(0);
    }
    return images == 0 ? 0.0 : sum / static_cast<double>(images);
}

}  // namespace comq
