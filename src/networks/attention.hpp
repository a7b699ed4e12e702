#pragma once

#include "torch_bridge/torch.hpp"

#include <optional>

#include "networks/layers.hpp"

namespace comq {

/**
 * softmax(Q·Kᵀ / √d + bias)·V. `query`, `key`, `value`: `[..., heads, tokens, d]`; `bias`:
 * broadcast to `[..., heads, tokens, tokens]`, or undefined. By fused_attention where that can be.
 */
torch::Tensor scaled_dot_product(const torch::Tensor& query, const torch::Tensor& key,
                                 const torch::Tensor& value, const torch::Tensor& bias);

/**
 * The same with `scale` in place of 1/√d, by AttentionKernel: on the CPU in fp32 and where no
 * gradients are recorded. None where it does not take these tensors. The result lies in memory as
 * `[..., tokens, heads, d]`.
 */
std::optional<torch::Tensor> fused_attention(const torch::Tensor& query, const torch::Tensor& key,
                                             const torch::Tensor& value, const torch::Tensor& bias,
                                             std::optional<double> scale = {});

/** The two-layer perceptron of a transformer block, with exact GELU: `fc1`, `fc2`. */
class MlpImpl : public torch::nn::Module {
  public:
    MlpImpl(int64_t dim, int64_t hidden);
    /** stream + the perceptron of `tokens`. */
    torch::Tensor joined(const torch::Tensor& tokens, const torch::Tensor& stream);

  private:
    Linear fc1_;
    Linear fc2_;
};
TORCH_MODULE(Mlp);

}  // namespace comq
