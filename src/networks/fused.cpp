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

// LibTorch has no C++ declarations of these; torch.compile reaches them by name, as here.
using OptionalTensor = std::optional<at::Tensor>;
using OptionalText = std::optional<std::string_view>;
using LinearOperator = at::Tensor(const at::Tensor&, const at::Tensor&, const OptionalTensor&,
                                  std::string_view, Scalars, OptionalText);
using LinearSumOperator = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                     const OptionalTensor&, std::string_view);
using ConvolutionOperator = at::Tensor(const at::Tensor&, const at::Tensor&, const OptionalTensor&,
                                       at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t,
                                       std::string_view, Scalars, OptionalText);
using ConvolutionSumOperator = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                          const OptionalTensor&, at::IntArrayRef, at::IntArrayRef,
                                          at::IntArrayRef, int64_t, std::string_view,
                                          std::optional<at::Scalar>, OptionalText, Scalars,
                                          OptionalText);
using LinearReorder = at::Tensor(const at::Tensor&, std::optional<int64_t>);
using ConvolutionReorder = at::Tensor(const at::Tensor&, at::IntArrayRef, at::IntArrayRef,
                                      at::IntArrayRef, int64_t, at::OptionalIntArrayRef);

/** The operator of a name; nothing where this LibTorch lacks it or takes other arguments. */
template <typename Signature>
std::optional<c10::TypedOperatorHandle<Signature>> find_operator(const char* name,
                                                                 const char* overload = "") {
    const auto found = c10::Dispatcher::singleton().findSchema({name, overload});
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

const auto& linear_sum_operator() {
    static const auto found =
        find_operator<LinearSumOperator>("mkldnn::_linear_pointwise", "binary");
    return found;
}

const auto& convolution_operator() {
    static const auto found = find_operator<ConvolutionOperator>("mkldnn::_convolution_pointwise");
    return found;
}

const auto& convolution_sum_operator() {
    static const auto found =
        find_operator<ConvolutionSumOperator>("mkldnn::_convolution_pointwise", "binary");
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

torch::Tensor fused_linear(const torch::Tensor& input, const WeightAndBias& by,
                           const Epilogue& epilogue) {
    const torch::Tensor rows = input.contiguous();
    if (!epilogue.addend.defined()) {
        const PostOperation after(epilogue.activation);
        return linear_operator()->call(rows, by.weight, given(by.bias), after.name, after.scalars,
                                       after.algorithm);
    }
    if (linear_sum_operator()) {
        const torch::Tensor sum = linear_sum_operator()->call(rows, epilogue.addend.contiguous(),
                                                              by.weight, given(by.bias), "add");
        return activate(sum, epilogue.activation);
    }
    return activate(fused_linear(rows, by, {}) + epilogue.addend, epilogue.activation);
}

torch::Tensor fused_convolution(const torch::Tensor& input, const WeightAndBias& by,
                                const ConvolutionStep& step, const Epilogue& epilogue) {
    if (!epilogue.addend.defined()) {
        const PostOperation after(epilogue.activation);
        return convolution_operator()->call(input, by.weight, given(by.bias), step.padding,
                                            step.stride, step.dilation, step.groups, after.name,
                                            after.scalars, after.algorithm);
    }
    if (!convolution_sum_operator()) {
        return activate(fused_convolution(input, by, step, {}) + epilogue.addend,
                        epilogue.activation);
    }
    // The operator has no other activation behind a sum.
    const bool relu = epilogue.activation == Activation::relu;
    const torch::Tensor sum = convolution_sum_operator()->call(
        input, epilogue.addend.contiguous(input.suggest_memory_format()), by.weight, given(by.bias),
        step.padding, step.stride, step.dilation, step.groups, "add", at::Scalar(1.0),
        relu ? OptionalText("relu") : std::nullopt, Scalars(), std::nullopt);
    return relu ? sum : activate(sum, epilogue.activation);
}

torch::Tensor blocked_weight(const torch::Tensor& weight, const torch::Tensor& input) {
    static const auto reorder = find_operator<LinearReorder>("mkldnn::_reorder_linear_weight");
    if (!reorder) return weight;
    return reorder->call(weight.contiguous(), input.numel() / input.size(-1));
}

torch::Tensor blocked_weight(const torch::Tensor& weight, const torch::Tensor& input,
                             const ConvolutionStep& step) {
    static const auto reorder =
        find_operator<ConvolutionReorder>("mkldnn::_reorder_convolution_weight");
    if (!reorder) return weight;
    return reorder->call(weight.contiguous(), step.padding, step.stride, step.dilation, step.groups,
                         input.sizes());
}

#else

bool fused_kernels_take(const torch::Tensor& /*input*/) { return false; }

torch::Tensor fused_linear(const torch::Tensor& input, const WeightAndBias& by,
                           const Epilogue& epilogue) {
    const torch::Tensor product = torch::linear(input, by.weight, by.bias);
    return activate(epilogue.addend.defined() ? product + epilogue.addend : product,
                    epilogue.activation);
}

torch::Tensor fused_convolution(const torch::Tensor& input, const WeightAndBias& by,
                                const ConvolutionStep& step, const Epilogue& epilogue) {
    const torch::Tensor product = torch::conv2d(input, by.weight, by.bias, step.stride,
                                                step.padding, step.dilation, step.groups);
    return activate(epilogue.addend.defined() ? product + epilogue.addend : product,
                    epilogue.activation);
}

torch::Tensor blocked_weight(const torch::Tensor& weight, const torch::Tensor& /*input*/) {
    return weight;
}

torch::Tensor blocked_weight(const torch::Tensor& weight, const torch::Tensor& /*input*/,
                             const ConvolutionStep& /*step*/) {
    return weight;
}

#endif

}  // namespace comq
