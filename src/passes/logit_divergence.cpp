#include "passes/logit_divergence.hpp"

#include <mutex>

#include "accuracy/estimate.hpp"
#include "passes/kl_divergence.hpp"

namespace comq {

LogitDivergence::LogitDivergence(const SideBySide& walk) : walk_(walk) {
    std::mutex mutex;
    walk_.for_each(walk_.held_out(), [&](int64_t batch) {
        const torch::InferenceMode inference;
        auto expected = log_probabilities(walk_.full_precision_logits(batch));
        const std::lock_guard lock(mutex);
        expected_[batch] = std::move(expected);
    });
}

std::vector<double> LogitDivergence::measure_images(const std::vector<int64_t>& batches) const {
    std::map<int64_t, torch::Tensor> by_batch;
    for (const auto batch : batches) by_batch.try_emplace(batch);
    walk_.for_each(batches, [&](int64_t batch) {
        const torch::InferenceMode inference;
        const auto seen = log_probabilities(walk_.quantized_logits(batch));
        by_batch.at(batch) = kl_divergence(expected_.at(batch), seen);
    });
    std::vector<double> all;
    for (const auto& [batch, divergences] : by_batch) {
        const auto* values = divergences.data_ptr<double>();
        all.insert(all.end(), values, values + divergences.size(0));
    }
    return all;
}

double LogitDivergence::measure() const { return mean_of(measure_images()).value; }

}  // namespace comq
