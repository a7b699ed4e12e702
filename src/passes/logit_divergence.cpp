#include "passes/logit_divergence.hpp"

#include <mutex>

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

double LogitDivergence::measure() const {
    std::map<int64_t, double> sums;
    for (const auto& [batch, expected] : expected_) sums[batch] = 0.0;
    walk_.for_each(walk_.held_out(), [&](int64_t batch) {
        const torch::InferenceMode inference;
        const auto seen = log_probabilities(walk_.quantized_logits(batch));
        sums.at(batch) = kl_divergence(expected_.at(batch), seen).sum().item<double>();
    });
    double total = 0.0;
    int64_t images = 0;
    for (const auto& [batch, sum] : sums) {
        total += sum;
        images += expected_.at(batch).size(0);
    }
    return total / static_cast<double>(images);
}

}  // namespace comq
