#include "networks/conv_norm.hpp"

namespace comq {

torch::Tensor normed_convolution(Conv2dImpl& convolution, BatchNorm2dImpl& norm,
                                 const torch::Tensor& input, Activation activation) {
    if (Observable::is_tapped() || norm.uses_batch_statistics() || !fused_kernels_take(input)) {
        return activate(norm.forward(convolution.forward(input)), activation);
    }
    const auto [weight, bias] =
        with_norm(convolution.weight(), convolution.bias(), batch_norm_scale(norm),
                  norm.statistics()->mean, norm.bias());
    return convolution.convolved(input, weight, bias, activation);
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
    return normed_convolution(*conv_, *norm_, input, activation_);
}

}  // namespace comq
