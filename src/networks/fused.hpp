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

/** What happens to a product in the same pass over memory: activation(product + b + addend). */
struct Epilogue {
    Activation activation = Activation::none;
    torch::Tensor addend = {};  ///< shaped as the product; an undefined one is none
};

struct ConvolutionStep {
    std::array<int64_t, 2> padding;
    std::array<int64_t, 2> stride;
    std::array<int64_t, 2> dilation;
    int64_t groups;
};

/**
 * The product x·Wᵀ over `[..., in]` and its epilogue. The weight is `[out, in]` as it is or as
 * blocked_weight gives it; an undefined bias is none.
 */
torch::Tensor fused_linear(const torch::Tensor& input, const WeightAndBias& by,
                           const Epilogue& epilogue);

/** The convolution of `[B, C, H, W]` and its epilogue; otherwise as fused_linear. */
torch::Tensor fused_convolution(const torch::Tensor& input, const WeightAndBias& by,
                                const ConvolutionStep& step, const Epilogue& epilogue);

/**
 * A weight in the blocks that oneDNN multiplies, an opaque tensor for the functions above; they
 * make such a copy in each call where they get another. `input`: one that it will be used on. The
 * weight itself where this LibTorch can't.
 */
torch::Tensor blocked_weight(const torch::Tensor& weight, const torch::Tensor& input);
torch::Tensor blocked_weight(const torch::Tensor& weight, const torch::Tensor& input,
                             const ConvolutionStep& step);

}  // namespace comq
