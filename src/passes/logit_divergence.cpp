#include "passes/logit_divergence.hpp"

#include <mutex>

namespace comq {

namespace {

torch::Tensor log_probabilities(const torch::Tensor& logits) {
    return torch::log_softmax(logits.to(torch::kCPU, torch::kDouble), 1);
}

}  // namespace

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
        const auto& expected = expected_.at(batch);
        const auto seen = log_probabilities(walk_.quantized_logits(batch));
        sums.at(batch) = (expected.exp() * (expected - seen)).sum().item<double>();
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
