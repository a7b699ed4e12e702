#pragma once

#include <torch/torch.h>

namespace comq {

// LibTorch's norms, but that the OutputTap of the running thread sees their outputs.

class LayerNormImpl : public torch::nn::LayerNormImpl {
  public:
    using torch::nn::LayerNormImpl::LayerNormImpl;
    torch::Tensor forward(const torch::Tensor& input);
};
TORCH_MODULE(LayerNorm);

/** Over `[B, channels, H, W]`. */
class BatchNorm2dImpl : public torch::nn::BatchNorm2dImpl {
  public:
    using torch::nn::BatchNorm2dImpl::BatchNorm2dImpl;
    torch::Tensor forward(const torch::Tensor& input);
};
TORCH_MODULE(BatchNorm2d);

}  // namespace comq
