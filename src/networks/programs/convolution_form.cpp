#include <fmt/format.h>

#include <algorithm>

#include "networks/programs/product.hpp"

namespace comq {

namespace {

/** Places of the arguments behind input, weight and bias. */
struct ConvolutionArguments {
    std::size_t stride = 3;
    std::size_t padding = 4;
    std::size_t dilation = 5;
    std::size_t groups = 6;
};

/** A list of numbers from `least` on, the last that of the width; one stands for both axes. */
HeightWidth of_axes(const Node& node, std::size_t index, int64_t least, bool one_axis,
                    const char* what) {
    const c10::IValue* value = constant_at(node, index);
    if (value == nullptr || !value->isIntList() || value->toIntVector().empty()) {
        throw Refusal{fmt::format("its {} is computed", what)};
    }
    const auto axes = value->toIntVector();
    if (std::ranges::any_of(axes, [&](int64_t number) { return number < least; })) {
        throw Refusal{fmt::format("its {} can't be", what)};
    }
    // What a line of height 1 has along that.
    return {one_axis ? least : axes.front(), axes.back()};
}

}  // namespace

bool is_convolution(const Node& node) {
    if (node.target == "aten.convolution.default") {
        constexpr std::size_t transposed = 6;
        const c10::IValue* value = constant_at(node, transposed);
        return value != nullptr && value->isBool() && !value->toBool();
    }
    return node.target == "aten.conv2d.default" || node.target == "aten.conv2d.padding" ||
           node.target == "aten.conv1d.default" || node.target == "aten.conv1d.padding";
}

ConvolutionForm convolution_form(const ProgramGraph& graph, const Node& node,
                                 const torch::Tensor& weight) {
    const ValueId input = node.input(0);
    const auto rank = graph.values[static_cast<std::size_t>(input)].sizes.size();
    const bool one_axis = weight.dim() == 3;
    if ((weight.dim() != 4 && !one_axis) || static_cast<int64_t>(rank) != weight.dim()) {
        throw Refusal{
            fmt::format("its input has {} dimensions and its weight {}", rank, weight.dim())};
    }
    ConvolutionArguments at;
    if (node.target == "aten.convolution.default") at.groups = 8;
    ConvolutionForm form;
    if (one_axis) form.maps = TensorForm::map_of_height_1();
    Conv2dOptions& options = form.options;
    options.kernel = {one_axis ? 1 : weight.size(2), weight.size(-1)};
    options.stride = of_axes(node, at.stride, 1, one_axis, "stride");
    options.dilation = of_axes(node, at.dilation, 1, one_axis, "dilation");
    const c10::IValue* groups = constant_at(node, at.groups);
    if (groups == nullptr || !groups->isInt()) throw Refusal{"its number of groups is computed"};
    options.groups = groups->toInt();
    if (options.groups < 1 || weight.size(0) % options.groups != 0) {
        throw Refusal{"its number of groups can't be"};
    }
    options.bias = node.input(2) >= 0;
    const c10::IValue* padding = constant_at(node, at.padding);
    if (padding != nullptr && padding->isString()) {
        options.same_padding = padding->toStringRef() == "same";
    } else {
        options.padding = of_axes(node, at.padding, 0, one_axis, "padding");
    }
    return form;
}

}  // namespace comq
