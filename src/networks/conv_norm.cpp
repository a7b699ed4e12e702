#include "networks/conv_norm.hpp"

namespace comq {

namespace {

bool is_one_pass(const BatchNorm2dImpl& norm, const torch::Tensor& input) {
    return !Observable::is_tapped() && !norm.uses_batch_statistics() && fused_kernels_take(input);
}

torch::Tensor in_one_pass(Conv2dImpl& convolution, const BatchNorm2dImpl& norm,
                          const torch::Tensor& input, const Epilogue& epilogue) {
    const BatchStatistics& statistics = *norm.statistics();
    const auto folded = [&] {
        return with_norm(convolution.weight(), convolution.bias(), batch_norm_scale(norm),
                         statistics.mean, norm.bias());
    };
    return convolution.fused(input,
                             {convolution.weight(), convolution.bias(), norm.weight(), norm.bias(),
                              statistics.mean, statistics.variance},
                             folded, epilogue);
}

}  // namespace

torch::Tensor normed_convolution(Conv2dImpl& convolution, BatchNorm2dImpl& norm,
                                 const torch::Tensor& input, Activation activation) {
    if (is_one_pass(norm, input)) return in_one_pass(convolution, norm, input, {activation});
    return activate(norm.forward(convolution.forward(input)), activation);
}

torch::Tensor joined_convolution(Conv2dImpl& convolution, BatchNorm2dImpl& norm,
                                 const torch::Tensor& input, const torch::Tensor& stream,
                                 Activation activation, const ConvNormImpl* stream_maker) {
    if (is_one_pass(norm, input)) {
        return in_one_pass(convolution, norm, input, {activation, stream});
    }
    const torch::Tensor output = norm.forward(convolution.forward(input));
    convolution.joins([&] { return ResidualSum{stream, batch_norm_scale(norm)}; });
    if (stream_maker != nullptr) stream_maker->joins(output);
    return activate(output + stream, activation);
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

torch::Tensor ConvNormImpl::joined(const torch::Tensor& input, const torch::Tensor& stream,
                                   const ConvNormImpl* stream_maker) {
    return joined_convolution(*conv_, *norm_, input, stream, activation_, stream_maker);
}

void ConvNormImpl::joins(const torch::Tensor& stream) const {
    conv_->joins([&] { return ResidualSum{stream, batch_norm_scale(*norm_)}; });
}

}  // namespace comq
