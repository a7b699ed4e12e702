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

std::map<int64_t, torch::Tensor> LogitDivergence::by_batch() const {
    std::map<int64_t, torch::Tensor> divergences;
    for (const auto& [batch, expected] : expected_) divergences.try_emplace(batch);
    walk_.for_each(walk_.held_out(), [&](int64_t batch) {
        const torch::InferenceMode inference;
        const auto seen = log_probabilities(walk_.quantized_logits(batch));
        divergences.at(batch) = kl_divergence(expected_.at(batch), seen);
    });
    return divergences;
}

double LogitDivergence::measure() const {
    double total = 0.0;
    int64_t images = 0;
    for (const auto& [batch, divergences] : by_batch()) {
        total += divergences.sum().item<double>();
        images += divergences.size(0);
    }
    return total / static_cast<double>(images);
}

std::vector<double> LogitDivergence::measure_images() const {
    std::vector<double> all;
    for (const auto& [batch, divergences] : by_batch()) {
        const auto* values = divergences.data_ptr<double>();
        all.insert(all.end(), values, values + divergences.size(0));
    }
    return all;
}

}  // namespace comq
