#pragma once

#include "torch_bridge/torch.hpp"

namespace comq {

/** log-softmax of `logits` [images, classes], in fp64 on the CPU. */
inline torch::Tensor log_probabilities(const torch::Tensor& logits) {
    return torch::log_softmax(logits.to(torch::kCPU, torch::kDouble), 1);
}

/** KL(p ‖ q) of each image in nats, [images], of logarithms of probabilities [images, classes]. */
inline torch::Tensor kl_divergence(const torch::Tensor& log_p, const torch::Tensor& log_q) {
    return (log_p.exp() * (log_p - log_q)).sum(1);
}

}  // namespace comq
