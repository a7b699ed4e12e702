#pragma once

#include <torch/nn/modules/normalization.h>
#include <torch/nn/options/batchnorm.h>

namespace comq {

// Norms whose outputs the OutputTap of the running thread sees.

class LayerNormImpl : public torch::nn::LayerNormImpl {
  public:
    using torch::nn::LayerNormImpl::LayerNormImpl;
    torch::Tensor forward(const torch::Tensor& input);
};
TORCH_MODULE(LayerNorm);

/**
 * Over `[B, channels, H, W]`, with the parameters and buffers of LibTorch's own, from which nothing
 * can be derived in 1.13: the library keeps a symbol of its base to itself.
 */
class BatchNorm2dImpl : public torch::nn::Module {
  public:
    explicit BatchNorm2dImpl(const torch::nn::BatchNorm2dOptions& settings);
    torch::Tensor forward(const torch::Tensor& input);

    torch::nn::BatchNorm2dOptions options;  ///< of which eps and momentum count
    torch::Tensor weight;
    torch::Tensor bias;
    torch::Tensor running_mean;
    torch::Tensor running_var;
    torch::Tensor num_batches_tracked;
};
TORCH_MODULE(BatchNorm2d);

}  // namespace comq
