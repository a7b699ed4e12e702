#pragma once

#include "torch_bridge/torch.hpp"

#include <array>
#include <cstdint>

namespace comq {

enum class Activation { none, relu, relu6, gelu };

/** Exact GELU, not its approximation by tanh. */
torch::Tensor activate(const torch::Tensor& input, Activation activation);

/**
 * Whether the kernels below may take the place of LibTorch's operators for this input: on the CPU
 * in fp32 and where no gradients are recorded, with LibTorch 2. They are oneDNN's, as LibTorch's
 * own convolutions are: a product, its bias and an activation in one pass over memory. An image's
 * numbers differ in their last digits from those of LibTorch's matrix product.
 */
bool fused_kernels_take(const torch::Tensor& input);

/** activation(x·Wᵀ + b) over `[..., in]`; an undefined `bias` is none. */
torch::Tensor fused_linear(const torch::Tensor& input, const torch::Tensor& weight,
                           const torch::Tensor& bias, Activation activation);

struct WeightAndBias {
    torch::Tensor weight;
    torch::Tensor bias;
};

/**
 * A convolution's weight and bias that also do scale·(y − mean) + shift to its output y, each
 * `[channels]`. An undefined `bias` or `shift` is none.
 */
WeightAndBias with_norm(const torch::Tensor& weight, const torch::Tensor& bias,
                        const torch::Tensor& scale, const torch::Tensor& mean,
                        const torch::Tensor& shift);

struct ConvolutionStep {
    std::array<int64_t, 2> padding;
    std::array<int64_t, 2> stride;
    std::array<int64_t, 2> dilation;
    int64_t groups;
};

/** activation(convolution + b) over `[B, C, H, W]`; an undefined `bias` is none. */
torch::Tensor fused_convolution(const torch::Tensor& input, const torch::Tensor& weight,
                                const torch::Tensor& bias, const ConvolutionStep& step,
                                Activation activation);

}  // namespace comq
