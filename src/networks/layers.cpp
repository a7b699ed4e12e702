#include "networks/layers.hpp"

#include <algorithm>

#include "networks/padding.hpp"

namespace comq {

namespace {

torch::Tensor same_padded(const torch::Tensor& input, const Conv2dOptions& options) {
    if (!options.same_padding) return input;
    const auto [height, width] = padding_of(options, {input.size(2), input.size(3)});
    if (height.after == 0 && width.after == 0) return input;
    return torch::constant_pad_nd(input, {width.before, width.after, height.before, height.after},
                                  0);
}

HeightWidth symmetric_padding(const Conv2dOptions& options) {
    return options.same_padding ? 0 : options.padding;
}

ConvolutionStep step_of(const Conv2dOptions& options) {
    return {symmetric_padding(options).array(), options.stride.array(), options.dilation.array(),
            options.groups};
}

/** So many zeros that the output has ceil(size / stride) pixels. */
AxisPadding same_padding(int64_t size, int64_t kernel, int64_t stride, int64_t dilation) {
    const int64_t outputs = (size + stride - 1) / stride;
    const int64_t extent = dilation * (kernel - 1) + 1;
    const int64_t total = std::max<int64_t>((outputs - 1) * stride + extent - size, 0);
    return {total / 2, total - total / 2};
}

}  // namespace

Padding padding_of(const Conv2dOptions& options, HeightWidth size) {
    const auto& [kernel, stride, padding, dilation, groups, bias, same] = options;
    if (!same) return {{padding.height, padding.height}, {padding.width, padding.width}};
    return {same_padding(size.height, kernel.height, stride.height, dilation.height),
            same_padding(size.width, kernel.width, stride.width, dilation.width)};
}

LinearImpl::LinearImpl(int64_t in_features, int64_t out_features, bool with_bias) {
    weight_ = register_parameter("weight", torch::zeros({out_features, in_features}));
    if (with_bias) bias_ = register_parameter("bias", torch::zeros({out_features}));
}

torch::Tensor LinearImpl::fused(const torch::Tensor& input, const Epilogue& epilogue) {
    const auto blocked = [&] { return WeightAndBias{blocked_weight(weight_, input), bias_}; };
    return fused_linear(input, prepared_.of({weight_, bias_}, blocked), epilogue);
}

torch::Tensor LinearImpl::activated(const torch::Tensor& input, Activation activation) {
    const torch::Tensor used = tapped_input(input);
    if (!fused_kernels_take(used)) {
        return activate(tapped_output(torch::linear(used, weight_, bias_)), activation);
    }
    if (!is_tapped()) return fused(used, {activation});
    return activate(tapped_output(fused(used, {})), activation);
}

torch::Tensor LinearImpl::joined(const torch::Tensor& input, const torch::Tensor& stream) {
    if (!is_tapped() && fused_kernels_take(input)) return fused(input, {.addend = stream});
    const torch::Tensor sum = stream + forward(input);
    joins([&] { return ResidualSum{stream}; });
    return sum;
}

torch::Tensor LinearImpl::rows(const torch::Tensor& input) const {
    return linear_rows(input, 1, in_features());
}

Conv2dImpl::Conv2dImpl(int64_t in_channels, int64_t out_channels, const Conv2dOptions& options)
    : options_(options) {
    weight_ =
        register_parameter("weight", torch::zeros({out_channels, in_channels / options.groups,
                                                   options.kernel.height, options.kernel.width}));
    if (options.bias) bias_ = register_parameter("bias", torch::zeros({out_channels}));
}

torch::Tensor Conv2dImpl::activated(const torch::Tensor& input, Activation activation) {
    const torch::Tensor used = tapped_input(input);
    if (!fused_kernels_take(used)) {
        const ConvolutionStep step = step_of(options_);
        const torch::Tensor output =
            torch::conv2d(same_padded(used, options_), weight_, bias_, step.stride, step.padding,
                          step.dilation, step.groups);
        return activate(tapped_output(output), activation);
    }
    const auto own = [&]() -> WeightAndBias { return {weight_, bias_}; };
    if (!is_tapped()) return fused(used, {weight_, bias_}, own, {activation});
    return activate(tapped_output(fused(used, {weight_, bias_}, own, {})), activation);
}

torch::Tensor Conv2dImpl::fused(const torch::Tensor& input,
                                const std::vector<torch::Tensor>& sources,
                                const PreparedWeight::Make& make, const Epilogue& epilogue) {
    // oneDNN's kernels want the channels of a pixel side by side; all that follow keep them so.
    const torch::Tensor padded =
        same_padded(input, options_).contiguous(at::MemoryFormat::ChannelsLast);
    const ConvolutionStep step = step_of(options_);
    const auto blocked = [&] {
        auto [weight, bias] = make();
        return WeightAndBias{blocked_weight(weight, padded, step), bias};
    };
    return fused_convolution(padded, prepared_.of(sources, blocked), step, epilogue);
}

torch::Tensor Conv2dImpl::rows(const torch::Tensor& input) const {
    return convolution_rows(input, options_, in_features());
}

torch::Tensor output_rows(const QuantizableLayer& layer, const torch::Tensor& output,
                          int64_t parts) {
    const int64_t groups = layer.groups() * parts, channels = layer.out_features() / groups;
    if (layer.convolution() == nullptr) return linear_rows(output, groups, channels);
    return output.reshape({output.size(0), groups, channels, -1})
        .permute({1, 0, 3, 2})
        .reshape({groups, -1, channels});
}

torch::Tensor linear_rows(const torch::Tensor& input, int64_t groups, int64_t in_features) {
    return input.reshape({-1, groups, in_features}).transpose(0, 1).contiguous();
}

torch::Tensor convolution_rows(const torch::Tensor& input, const Conv2dOptions& options,
                               int64_t in_features) {
    using torch::indexing::Slice;
    const torch::Tensor padded = same_padded(input, options);
    if (options.kernel == 1 && symmetric_padding(options) == 0) {
        const auto every = [](int64_t stride) { return Slice(0, torch::indexing::None, stride); };
        // No copy where a pixel's channels lie side by side and nothing is left out.
        return padded
            .index({Slice(), Slice(), every(options.stride.height), every(options.stride.width)})
            .permute({0, 2, 3, 1})
            .reshape({-1, options.groups, in_features})
            .transpose(0, 1)
            .contiguous();
    }
    // [B, C·kh·kw, output pixels]
    const torch::Tensor patches =
        torch::im2col(padded, options.kernel.array(), options.dilation.array(),
                      symmetric_padding(options).array(), options.stride.array());
    const int64_t batch = patches.size(0), pixels = patches.size(2);
    return patches.view({batch, options.groups, in_features, pixels})
        .permute({1, 0, 3, 2})
        .reshape({options.groups, batch * pixels, in_features})
        .contiguous();
}

}  // namespace comq
