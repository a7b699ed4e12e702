#pragma once

#include "torch_bridge/torch.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "networks/layers.hpp"
#include "networks/programs/graph.hpp"
#include "networks/programs/tensor_form.hpp"

namespace comq {

/** Why a node that multiplies parameters is no layer. */
struct Refusal {
    std::string reason;
};

/** The two tensors that a node multiplies, and the one that it adds. */
struct Multiplication {
    Place input;
    Place weight;
    std::optional<Place> bias;
    ValueId input_value = -1;  ///< −1: not a value of the graph
    ValueId weight_value = -1;
    ValueId bias_value = -1;
};

/**
 * `node` as a multiplication whose weight is a value that `is_weight`; nothing when it multiplies
 * no such value. Throws Refusal for operators that are neither products of matrices nor 1-D or 2-D
 * convolutions, and for einsums of other than two tensors.
 */
std::optional<Multiplication> multiplication_of(const Node& node,
                                                const std::function<bool(ValueId)>& is_weight);

/** Whether it is an LSTM, GRU or RNN, which multiplies by several weights at once. */
bool is_recurrent(const Node& node);

/** Whether it is one of the convolutions that multiplication_of knows. */
bool is_convolution(const Node& node);

/** How a node convolves. Throws Refusal for what layers don't have. */
struct ConvolutionForm {
    Conv2dOptions options;
    TensorForm maps;  ///< of input and output
};
ConvolutionForm convolution_form(const ProgramGraph& graph, const Node& node,
                                 const torch::Tensor& weight);

/** A product as that of a Linear layer: `[..., groups · in]` with a weight that shows as
 *  `[out, in]` to `[..., out]`. */
struct LinearForm {
    TensorForm input;
    TensorForm output;
    std::vector<int64_t> weight_axes;  ///< the weight's dimensions in the order group, out, in
    int64_t groups = 1;
    int64_t out_features = 1;

    /** The view that a layer's weight is: `[out, in]` where there is such a view. */
    torch::Tensor weight(const torch::Tensor& tensor) const;
};
/** Throws Refusal where rows and channels of input and output can't be told apart. */
LinearForm linear_form(const ProgramGraph& graph, const Node& node,
                       const Multiplication& multiplication, const torch::Tensor& weight);

/** The constant that is argument `index` of `node`; null for a value. */
const c10::IValue* constant_at(const Node& node, std::size_t index);

}  // namespace comq
