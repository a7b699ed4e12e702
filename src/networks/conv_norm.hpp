#pragma once

#include "torch_bridge/torch.hpp"

#include "networks/layers.hpp"
#include "networks/norms.hpp"

namespace comq {

/**
 * activation(norm(convolution(input))). Where nothing watches, the
 * norm's factors are in the weight and all is one pass over memory.
 */
torch::Tensor normed_convolution(Conv2dImpl& convolution, BatchNorm2dImpl& norm,
                                 const torch::Tensor& input, Activation activation);

class ConvNormImpl;

/**
 * activation(norm(convolution(input)) + stream); taps learn of the sum. `stream_maker`: the
 * convolution whose output the stream is, which joins likewise; null for none.
 */
torch::Tensor joined_convolution(Conv2dImpl& convolution, BatchNorm2dImpl& norm,
                                 const torch::Tensor& input, const torch::Tensor& stream,
                                 Activation activation, const ConvNormImpl* stream_maker = nullptr);

/**
 * A convolution without bias (`options.bias` is ignored), BatchNorm and activation: children `0`
 * and `1`, as in torchvision's Conv2dNormActivation.
 */
class ConvNormImpl : public torch::nn::Module {
  public:
    ConvNormImpl(int64_t in_channels, int64_t out_channels, Conv2dOptions options,
                 Activation activation);
    torch::Tensor forward(const torch::Tensor& input);
    /** As joined_convolution; the activation comes after the sum. */
    torch::Tensor joined(const torch::Tensor& input, const torch::Tensor& stream,
                         const ConvNormImpl* stream_maker);
    /** Says that the output, without an activation, is added to `stream`. */
    void joins(const torch::Tensor& stream) const;

  private:
    Conv2d conv_{nullptr};
    BatchNorm2d norm_{nullptr};
    Activation activation_;
};
TORCH_MODULE(ConvNorm);

}  // namespace comq
