#include "networks/fused.hpp"

#include <torch/version.h>

#if TORCH_VERSION_MAJOR >= 2
#include <ATen/core/dispatch/Dispatcher.h>
#endif

#include <optional>
#include <string_view>

#include "core/check.hpp"

namespace comq {

torch::Tensor activate(const torch::Tensor& input, Activation activation) {
    switch (activation) {
        case Activation::relu:
            return torch::relu(input);
        case Activation::relu6:
            return torch::clamp(input, 0, 6);
        case Activation::gelu:
            return torch::gelu(input);
        case Activation::none:
            break;
    }
    return input;
}

WeightAndBias with_norm(const torch::Tensor& weight, const torch::Tensor& bias,
                        const torch::Tensor& scale, const torch::Tensor& mean,
                        const torch::Tensor& shift) {
    const torch::Tensor moved = (bias.defined() ? bias - mean : -mean) * scale;
    return {weight * scale.view({-1, 1, 1, 1}), shift.defined() ? moved + shift : moved};
}

#if TORCH_VERSION_MAJOR >= 2

namespace {

using Scalars = torch::List<std::optional<at::Scalar>>;

/** An activation in the words of LibTorch's fused operators. */
struct PostOperation {
    std::string_view name;
    Scalars scalars;
    std::optional<std::string_view> algorithm;

    explicit PostOperation(Activation activation) {
        switch (activation) {
            case Activation::none:
                name = "none";
                break;
            case Activation::relu:
                name = "relu";
                break;
            case Activation::relu6:
                name = "hardtanh";
                scalars.push_back(at::Scalar(0.0));
                scalars.push_back(at::Scalar(6.0));
                break;
            case Activation::gelu:
                name = "gelu";
                algorithm = "none";  // that is, no approximation
                break;
        }
    }
};

// LibTorch has no C++ declarations of these two; torch.compile reaches them by name, as here.
using LinearOperator = at::Tensor(const at::Tensor&, const at::Tensor&,
                                  const std::optional<at::Tensor>&, std::string_view, Scalars,
                                  std::optional<std::string_view>);
using ConvolutionOperator = at::Tensor(const at::Tensor&, const at::Tensor&,
                                       const std::optional<at::Tensor>&, at::IntArrayRef,
                                       at::IntArrayRef, at::IntArrayRef, int64_t, std::string_view,
                                       Scalars, std::optional<std::string_view>);

/** The operator of a name; nothing where this LibTorch lacks it or takes other arguments. */
template <typename Signature>
std::optional<c10::TypedOperatorHandle<Signature>> find_operator(const char* name) {
    const auto found = c10::Dispatcher::singleton().findSchema({name, ""});
    if (!found || !found->hasKernelForDispatchKey(c10::DispatchKey::CPU)) return std::nullopt;
    try {
        return found->typed<Signature>();
    } catch (const c10::Error&) {
        return std::nullopt;
    }
}

const auto& linear_operator() {
    static const auto found = find_operator<LinearOperator>("mkldnn::_linear_pointwise");
    return found;
}

const auto& convolution_operator() {
    static const auto found = find_operator<ConvolutionOperator>("mkldnn::_convolution_pointwise");
    return found;
}

std::optional<at::Tensor> given(const torch::Tensor& bias) {
    return bias.defined() ? std::optional(bias) : std::nullopt;
}

}  // namespace

bool fused_kernels_take(const torch::Tensor& input) {
    return !at::GradMode::is_enabled() && input.device().is_cpu() &&
           input.scalar_type() == torch::kFloat32 && input.numel() > 0 && linear_operator() &&
           convolution_operator() && at::globalContext().userEnabledMkldnn();
}

torch::Tensor fused_linear(const torch::Tensor& input, const torch::Tensor& weight,
                           const torch::Tensor& bias, Activation activation) {
    const PostOperation after(activation);
    return linear_operator()->call(input.contiguous(), weight, given(bias), after.name,
                                   after.scalars, after.algorithm);
}

torch::Tensor fused_convolution(const torch::Tensor& input, const torch::Tensor& weight,
                                const torch::Tensor& bias, const ConvolutionStep& step,
                                Activation activation) {
    const PostOperation after(activation);
    return convolution_operator()->call(input, weight, given(bias), step.padding, step.stride,
                                        step.dilation, step.groups, after.name, after.scalars,
                                        after.algorithm);
}

#else

bool fused_kernels_take(const torch::Tensor& /*input*/) { return false; }

torch::Tensor fused_linear(const torch::Tensor& input, const torch::Tensor& weight,
                           const torch::Tensor& bias, Activation activation) {
    return activate(torch::linear(input, weight, bias), activation);
}

torch::Tensor fused_convolution(const torch::Tensor& input, const torch::Tensor& weight,
                                const torch::Tensor& bias, const ConvolutionStep& step,
                                Activation activation) {
    return activate(
        torch::conv2d(input, weight, bias, step.stride, step.padding, step.dilation, step.groups),
        activation);
}

#endif

}  // namespace comq
