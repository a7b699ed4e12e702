#include "networks/programs/fused_calls.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "networks/programs/product.hpp"

namespace comq {

namespace {

constexpr std::string_view linear_target = "aten.linear.default";
constexpr std::string_view convolution_target = "aten.conv2d.default";

/** The node that alone asks for a node's one result. */
class OnlyUsers {
  public:
    explicit OnlyUsers(const ProgramGraph& graph) : uses_(graph.values.size()) {
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
            graph.nodes[i].each_input([&](ValueId value) { add(value, i); });
        }
        ++uses_[static_cast<std::size_t>(graph.logits)].count;
    }
    /** Null for none. */
    const std::size_t* of(const Node& node) const {
        if (node.results.size() != 1 || node.results[0].list || node.results[0].values.empty()) {
            return nullptr;
        }
        const Uses& uses = uses_[static_cast<std::size_t>(node.results[0].values[0])];
        return uses.count == 1 ? &uses.last : nullptr;
    }

  private:
    struct Uses {
        std::size_t count = 0;
        std::size_t last = 0;
    };
    void add(ValueId value, std::size_t node) {
        Uses& uses = uses_[static_cast<std::size_t>(value)];
        ++uses.count;
        uses.last = node;
    }
    std::vector<Uses> uses_;
};

bool is_number(const Node& node, std::size_t index, double number) {
    const c10::IValue* value = constant_at(node, index);
    return value != nullptr && value->isScalar() && value->toScalar().toDouble() == number;
}

std::optional<Activation> activation_of(const Node& node) {
    if (node.target == "aten.relu.default") return Activation::relu;
    if (node.target == "aten.relu6.default") return Activation::relu6;
    if (node.target == "aten.hardtanh.default" && is_number(node, 1, 0) && is_number(node, 2, 6)) {
        return Activation::relu6;
    }
    if (node.target != "aten.gelu.default") return std::nullopt;
    const c10::IValue* approximation = constant_at(node, 1);
    const bool exact = approximation == nullptr ||
                       (approximation->isString() && approximation->toStringRef() == "none");
    return exact ? std::optional(Activation::gelu) : std::nullopt;
}

/** Whether it is a BatchNorm by statistics that it has, all its tensors being there beforehand. */
bool is_batch_norm(const ProgramGraph& graph, const Node& node) {
    if (node.target != "aten.batch_norm.default") return false;
    const auto computed = [&](std::size_t index) {
        const ValueId value = node.input(index);
        return value >= 0 &&
               std::ranges::find(graph.tensors, value, &BoundTensor::value) == graph.tensors.end();
    };
    if (computed(1) || computed(2) || computed(3) || computed(4)) return false;
    const c10::IValue* training = constant_at(node, 5);
    const c10::IValue* eps = constant_at(node, 7);
    return training != nullptr && training->isBool() && !training->toBool() && eps != nullptr &&
           eps->isDouble() && node.input(3) >= 0 && node.input(4) >= 0;
}

torch::Tensor argument(const Node& node, std::size_t index, const Frame& frame) {
    const ValueId value = node.input(index);
    return value < 0 ? torch::Tensor() : frame.at(value).toTensor();
}

torch::Tensor optional_tensor(const c10::IValue& value) {
    return value.isTensor() ? value.toTensor() : torch::Tensor();
}

/** One or two numbers as those of height and width. */
std::array<int64_t, 2> of_both_axes(const c10::IValue& value) {
    const auto numbers = value.toIntVector();
    return {numbers.front(), numbers.back()};
}

}  // namespace

std::map<std::size_t, FusedChain> find_fused_chains(const ProgramGraph& graph,
                                                    const std::vector<Stretch>& stretches) {
    const OnlyUsers users(graph);
    std::map<std::size_t, FusedChain> chains;
    for (const Stretch& stretch : stretches) {
        std::set<std::size_t> here;
        for (const Step& step : stretch.steps) here.insert(step.node);
        for (const std::size_t i : here) {
            const Node& product = graph.nodes[i];
            if (product.target != linear_target && product.target != convolution_target) continue;
            FusedChain chain{{i}, {}, {}};
            const std::size_t* next = users.of(product);
            const auto follows = [&] {
                return next != nullptr && here.contains(*next) &&
                       graph.nodes[*next].input(0) ==
                           graph.nodes[chain.nodes.back()].results[0].values[0];
            };
            if (product.target == convolution_target && follows() &&
                is_batch_norm(graph, graph.nodes[*next])) {
                chain.norm = *next;
                chain.nodes.push_back(*next);
                next = users.of(graph.nodes[*next]);
            }
            if (follows()) {
                if (const auto activation = activation_of(graph.nodes[*next])) {
                    chain.activation = *activation;
                    chain.nodes.push_back(*next);
                }
            }
            chains.emplace(i, std::move(chain));
        }
    }
    return chains;
}

bool allow_any_layout(ProgramGraph& graph) {
    static const std::set<std::string_view> asking{
        "aten.as_strided.default", "aten.unflatten.int",          "aten.view.dtype",
        "aten.stride.int",         "aten.is_contiguous.default",  "aten.view_as_real.default",
        "aten.unfold.default",     "aten.view_as_complex.default"};
    static const std::set<std::string_view> views{"aten.view.default", "aten._unsafe_view.default"};
    for (const Node& node : graph.nodes) {
        if (!node.mutated.empty() || asking.contains(node.target)) return false;
    }
    const auto reshape = c10::Dispatcher::singleton().findSchema({"aten::reshape", ""});
    if (!reshape) return false;
    for (Node& node : graph.nodes) {
        if (views.contains(node.target)) node.op = *reshape;
    }
    return true;
}

bool call_fused_product(const Node& node, torch::jit::Stack& stack, bool any_layout,
                        Activation activation) {
    if (node.target != linear_target && node.target != convolution_target) return false;
    const torch::Tensor input = stack.at(0).toTensor(), weight = stack.at(1).toTensor();
    if (!fused_kernels_take(input) || weight.scalar_type() != torch::kFloat32) return false;
    const torch::Tensor bias = optional_tensor(stack.at(2));
    torch::Tensor output;
    if (node.target == linear_target) {
        if (weight.dim() != 2) return false;
        output = fused_linear(input, weight, bias, activation);
    } else {
        if (input.dim() != 4) return false;
        const ConvolutionStep step{of_both_axes(stack.at(4)), of_both_axes(stack.at(3)),
                                   of_both_axes(stack.at(5)), stack.at(6).toInt()};
        output =
            fused_convolution(any_layout ? input.contiguous(at::MemoryFormat::ChannelsLast) : input,
                              weight, bias, step, activation);
    }
    stack.clear();
    stack.emplace_back(std::move(output));
    return true;
}

void fold_norm(const Node& norm, const Frame& frame, torch::jit::Stack& stack) {
    const torch::Tensor factor = argument(norm, 1, frame), variance = argument(norm, 4, frame);
    torch::Tensor scale = (variance + constant_at(norm, 7)->toDouble()).rsqrt();
    if (factor.defined()) scale = scale * factor;
    auto [weight, bias] = with_norm(stack.at(1).toTensor(), optional_tensor(stack.at(2)), scale,
                                    argument(norm, 3, frame), argument(norm, 2, frame));
    stack.at(1) = std::move(weight);
    stack.at(2) = std::move(bias);
}

}  // namespace comq
