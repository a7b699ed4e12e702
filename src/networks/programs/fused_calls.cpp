#include "networks/programs/fused_calls.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "networks/attention.hpp"
#include "networks/programs/product.hpp"

namespace comq {

namespace {

constexpr std::string_view linear_target = "aten.linear.default";
constexpr std::string_view convolution_target = "aten.conv2d.default";
constexpr std::string_view attention_target = "aten.scaled_dot_product_attention.default";

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

/** Whether the graph computes this argument of a node; what it has beforehand it does not. */
bool is_computed(const ProgramGraph& graph, const Node& node, std::size_t index) {
    const ValueId value = node.input(index);
    return value >= 0 &&
           std::ranges::find(graph.tensors, value, &BoundTensor::value) == graph.tensors.end();
}

/** Whether it is a BatchNorm by statistics that it has, all its tensors being there beforehand. */
bool is_batch_norm(const ProgramGraph& graph, const Node& node) {
    if (node.target != "aten.batch_norm.default") return false;
    for (const std::size_t index : {1, 2, 3, 4}) {
        if (is_computed(graph, node, index)) return false;
    }
    const c10::IValue* training = constant_at(node, 5);
    const c10::IValue* eps = constant_at(node, 7);
    return training != nullptr && training->isBool() && !training->toBool() && eps != nullptr &&
           eps->isDouble() && node.input(3) >= 0 && node.input(4) >= 0;
}

/** What `node` adds to `term`, of the same size and known before the node `first`. */
std::optional<ValueId> addend_of(const ProgramGraph& graph, const Node& node, ValueId term,
                                 const std::vector<std::size_t>& made_by, std::size_t first) {
    if (node.target != "aten.add.Tensor") return std::nullopt;
    const c10::IValue* alpha = constant_at(node, 2);
    if (alpha != nullptr && !is_number(node, 2, 1)) return std::nullopt;
    const ValueId other = node.input(0) == term ? node.input(1) : node.input(0);
    if (other < 0 || node.input(1) < 0) return std::nullopt;
    const auto sizes_of = [&](ValueId value) -> const std::vector<std::string>& {
        return graph.values[static_cast<std::size_t>(value)].sizes;
    };
    if (sizes_of(other).empty() || sizes_of(other) != sizes_of(term)) return std::nullopt;
    return made_by[static_cast<std::size_t>(other)] < first ? std::optional(other) : std::nullopt;
}

/** The node that makes each value; 0 for those that no node makes. */
std::vector<std::size_t> makers(const ProgramGraph& graph) {
    std::vector<std::size_t> made_by(graph.values.size());
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        for (const auto& result : graph.nodes[i].results) {
            for (const ValueId value : result.values) {
                if (value >= 0) made_by[static_cast<std::size_t>(value)] = i;
            }
        }
    }
    return made_by;
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
    const std::vector<std::size_t> made_by = makers(graph);
    std::map<std::size_t, FusedChain> chains;
    for (const Stretch& stretch : stretches) {
        std::set<std::size_t> here;
        for (const Step& step : stretch.steps) here.insert(step.node);
        for (const std::size_t i : here) {
            const Node& product = graph.nodes[i];
            const bool convolution = product.target == convolution_target;
            if (product.target != linear_target && !convolution) continue;
            FusedChain chain;
            chain.nodes = {i};
            if (!is_computed(graph, product, 1) && !is_computed(graph, product, 2)) {
                chain.prepared = std::make_shared<PreparedWeight>();
            }
            /** The node that alone takes what the chain has so far, within the stretch. */
            const auto next = [&]() -> std::optional<std::size_t> {
                const std::size_t* user = users.of(graph.nodes[chain.nodes.back()]);
                return user != nullptr && here.contains(*user) ? std::optional(*user)
                                                               : std::nullopt;
            };
            const auto result = [&] {
                return graph.nodes[chain.nodes.back()].results[0].values[0];
            };
            if (const auto node = next(); node && convolution &&
                                          graph.nodes[*node].input(0) == result() &&
                                          is_batch_norm(graph, graph.nodes[*node])) {
                chain.norm = *node;
                chain.nodes.push_back(*node);
            }
            if (const auto node = next()) {
                chain.addend = addend_of(graph, graph.nodes[*node], result(), made_by, i);
                if (chain.addend) chain.nodes.push_back(*node);
            }
            if (const auto node = next(); node && graph.nodes[*node].input(0) == result()) {
                if (const auto activation = activation_of(graph.nodes[*node])) {
                    chain.activation = *activation;
                    chain.nodes.push_back(*node);
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

namespace {

/** A product's arguments, read off the stack. */
struct Product {
    torch::Tensor input;
    WeightAndBias by;
    std::optional<ConvolutionStep> step;  ///< of a convolution
};

std::optional<Product> fusable_product(const Node& node, const torch::jit::Stack& stack,
                                       bool any_layout) {
    const bool convolution = node.target == convolution_target;
    if (node.target != linear_target && !convolution) return std::nullopt;
    Product product{stack.at(0).toTensor(),
                    {stack.at(1).toTensor(), optional_tensor(stack.at(2))},
                    std::nullopt};
    const torch::Tensor& weight = product.by.weight;
    if (!fused_kernels_take(product.input) || weight.scalar_type() != torch::kFloat32) {
        return std::nullopt;
    }
    if (!convolution) return weight.dim() == 2 ? std::optional(product) : std::nullopt;
    if (product.input.dim() != 4) return std::nullopt;
    if (any_layout) product.input = product.input.contiguous(at::MemoryFormat::ChannelsLast);
    product.step = ConvolutionStep{of_both_axes(stack.at(4)), of_both_axes(stack.at(3)),
                                   of_both_axes(stack.at(5)), stack.at(6).toInt()};
    return product;
}

torch::Tensor computed(const Product& product, const WeightAndBias& by, const Epilogue& epilogue) {
    return product.step ? fused_convolution(product.input, by, *product.step, epilogue)
                        : fused_linear(product.input, by, epilogue);
}

/**
 * scaled_dot_product_attention(q, k, v, mask, dropout, causal, *, scale, grouped), of tensors that
 * LibTorch's own fused kernel takes: its results lie in memory as fused_attention's do, others do
 * not, and the views that a program takes of them rely on it.
 */
std::optional<torch::Tensor> attention(const torch::jit::Stack& stack) {
    const bool plain = stack.at(4).toScalar().toDouble() == 0.0 && !stack.at(5).toBool() &&
                       (stack.size() < 8 || !stack.at(7).toBool());
    if (!plain) return std::nullopt;
    const torch::Tensor query = stack.at(0).toTensor(), value = stack.at(2).toTensor();
    const torch::Tensor mask = optional_tensor(stack.at(3));
    const bool usual = query.dim() == 4 && value.dim() == 4 && query.size(-1) == value.size(-1) &&
                       (!mask.defined() || mask.dim() == 2 || mask.dim() == 4);
    if (!usual) return std::nullopt;
    std::optional<double> scale;
    if (stack.size() > 6 && !stack.at(6).isNone()) scale = stack.at(6).toDouble();
    return fused_attention(query, stack.at(1).toTensor(), value, mask, scale);
}

/** A product's weight and bias with the factors of the norm after it. */
WeightAndBias folded(const WeightAndBias& by, const Node& norm, const Frame& frame) {
    const torch::Tensor factor = argument(norm, 1, frame), variance = argument(norm, 4, frame);
    torch::Tensor scale = (variance + constant_at(norm, 7)->toDouble()).rsqrt();
    if (factor.defined()) scale = scale * factor;
    return with_norm(by.weight, by.bias, scale, argument(norm, 3, frame), argument(norm, 2, frame));
}

}  // namespace

bool call_fused(const Node& node, torch::jit::Stack& stack, bool any_layout) {
    std::optional<torch::Tensor> output;
    if (const auto product = fusable_product(node, stack, any_layout)) {
        output = computed(*product, product->by, {});
    } else if (node.target == attention_target) {
        output = attention(stack);
    }
    if (!output) return false;
    stack.clear();
    stack.emplace_back(*std::move(output));
    return true;
}

bool call_fused_chain(const ProgramGraph& graph, const FusedChain& chain, const Frame& frame,
                      torch::jit::Stack& stack) {
    const auto product = fusable_product(graph.nodes[chain.nodes.front()], stack, graph.any_layout);
    if (!product) return false;
    Epilogue epilogue{.activation = chain.activation};
    if (chain.addend) {
        epilogue.addend = frame.at(*chain.addend).toTensor();
        if (epilogue.addend.scalar_type() != torch::kFloat32) return false;
    }
    const Node* norm = chain.norm ? &graph.nodes[*chain.norm] : nullptr;
    const auto make = [&] {
        return norm == nullptr ? product->by : folded(product->by, *norm, frame);
    };
    WeightAndBias by;
    if (chain.prepared) {
        std::vector<torch::Tensor> sources{product->by.weight, product->by.bias};
        if (norm != nullptr) {
            for (const std::size_t index : {1, 2, 3, 4}) {
                sources.push_back(argument(*norm, index, frame));
            }
        }
        by = chain.prepared->of(sources, [&] {
            auto [weight, bias] = make();
            return WeightAndBias{product->step
                                     ? blocked_weight(weight, product->input, *product->step)
                                     : blocked_weight(weight, product->input),
                                 bias};
        });
    } else {
        by = make();
    }
    torch::Tensor output = computed(*product, by, epilogue);
    stack.clear();
    stack.emplace_back(std::move(output));
    return true;
}

}  // namespace comq
