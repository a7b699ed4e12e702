#include "networks/conv_norm.hpp"

namespace comq {

torch::Tensor activate(const torch::Tensor& input, Activation activation) {
    switch (activation) {
        case Activation::relu:
            return torch::relu(input);
        case Activation::relu6:
            return torch::clamp(input, 0, 6);
        case Activation::none:
            break;
    }
    return input;
}

void norm_joins(const Conv2dImpl& convolution, const BatchNorm2dImpl& norm,
                const torch::Tensor& stream) {
    convolution.joins([&] { return ResidualSum{stream, batch_norm_scale(norm)}; });
}

ConvNormImpl::ConvNormImpl(int64_t in_channels, int64_t out_channels, Conv2dOptions options,
                           Activation activation)
    : activation_(activation) {
    options.bias = false;
    conv_ = register_module("0", Conv2d(in_channels, out_channels, options));
    norm_ = register_module("1", BatchNorm2d(out_channels));
}

torch::Tensor ConvNormImpl::forward(const torch::Tensor& input) {
    return activate(norm_->forward(conv_->forward(input)), activation_);
}

}  // namespace comq
