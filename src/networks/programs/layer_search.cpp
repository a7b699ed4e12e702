#include "networks/programs/layer_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <string_view>

#include "networks/programs/cut_points.hpp"

namespace comq {

namespace {

/** Why a node that multiplies weights is no layer. */
struct Refusal {
    std::string reason;
};

const c10::IValue* constant_at(const Node& node, std::size_t index) {
    if (index >= node.arguments.size()) return nullptr;
    const Argument& argument = node.arguments[index];
    const bool known = argument.form == Argument::Form::single && argument.operands[0].value < 0;
    return known ? &argument.operands[0].constant : nullptr;
}

/** The number that both axes have; throws Refusal naming `what` when they differ. */
int64_t of_both_axes(const Node& node, std::size_t index, const char* what) {
    const c10::IValue* value = constant_at(node, index);
    if (value == nullptr || !value->isIntList()) {
        throw Refusal{fmt::format("its {} is computed", what)};
    }
    const auto axes = value->toIntVector();
    if (axes.empty() || std::ranges::count(axes, axes[0]) != std::ssize(axes)) {
        throw Refusal{fmt::format("its {} differs between height and width", what)};
    }
    return axes[0];
}

Conv2dOptions convolution_options(const Node& node, const torch::Tensor& weight) {
    if (weight.size(2) != weight.size(3)) {
        throw Refusal{
            fmt::format("its kernel is rectangular ({} × {})", weight.size(2), weight.size(3))};
    }
    Conv2dOptions options;
    options.kernel = weight.size(2);
    options.stride = of_both_axes(node, 3, "stride");
    options.dilation = of_both_axes(node, 5, "dilation");
    const c10::IValue* groups = constant_at(node, 6);
    if (groups == nullptr || !groups->isInt()) throw Refusal{"its number of groups is computed"};
    options.groups = groups->toInt();
    options.bias = node.input(2) >= 0;
    if (node.target == "aten.conv2d.default") {
        options.padding = of_both_axes(node, 4, "padding");
    } else if (const c10::IValue* padding = constant_at(node, 4);
               padding == nullptr || !padding->isString()) {
        throw Refusal{"its padding is computed"};
    } else if (padding->toStringRef() == "same") {
        const int64_t both = options.dilation * (options.kernel - 1);
        if (both % 2 != 0) throw Refusal{"its padding differs between the sides"};
        options.padding = both / 2;
    }
    return options;
}

bool same_options(const Conv2dOptions& a, const Conv2dOptions& b) {
    return a.kernel == b.kernel && a.stride == b.stride && a.padding == b.padding &&
           a.dilation == b.dilation && a.groups == b.groups;
}

bool multiplies(const Node& node) {
    static constexpr std::array<std::string_view, 14> operations{
        "linear", "conv1d", "conv2d", "conv3d", "convolution",      "conv_transpose1d", "mm",
        "matmul", "bmm",    "addmm",  "einsum", "conv_transpose2d", "baddbmm",          "mv"};
    constexpr std::string_view library = "aten.";
    if (!node.target.starts_with(library)) return false;
    const auto operation =
        std::string_view(node.target)
            .substr(library.size(), node.target.find('.', library.size()) - library.size());
    return std::ranges::find(operations, operation) != operations.end();
}

bool is_convolution(const Node& node) {
    return node.target == "aten.conv2d.default" || node.target == "aten.conv2d.padding";
}

std::string without_weight(const std::string& parameter) {
    constexpr std::string_view end = ".weight";
    return parameter.ends_with(end) ? parameter.substr(0, parameter.size() - end.size())
                                    : parameter;
}

class LayerSearch {
  public:
    LayerSearch(const ProgramGraph& graph, const std::vector<c10::IValue>& tensors)
        : graph_(graph),
          tensors_(tensors),
          of_images_(values_of_images(graph)),
          of_parameters_(graph.values.size(), false),
          uses_(graph.values.size(), 0),
          maker_(graph.values.size(), graph.nodes.size()) {
        found_.of_node.assign(graph.nodes.size(), nullptr);
        for (const BoundTensor& bound : graph.tensors) {
            bound_[bound.value] = &bound;
            if (bound.kind == BoundTensor::Kind::parameter) mark(of_parameters_, bound.value);
        }
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
            const Node& node = graph.nodes[i];
            bool of_parameter = false;
            node.each_input([&](ValueId value) {
                ++uses_[index(value)];
                of_parameter = of_parameter || of_parameters_[index(value)];
            });
            node.each_output([&](ValueId value) {
                maker_[index(value)] = i;
                if (of_parameter && !of_images_[index(value)]) mark(of_parameters_, value);
            });
        }
    }

    ProgramLayers run() {
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) visit(i);
        drop_those_used_otherwise();
        pair_convolutions();
        choose_kept();
        for (const auto& entry : found_.entries) {
            for (const std::size_t node : entry.nodes) found_.of_node[node] = entry.call.get();
        }
        return std::move(found_);
    }

  private:
    static std::size_t index(ValueId value) { return static_cast<std::size_t>(value); }
    static void mark(std::vector<bool>& marks, ValueId value) { marks[index(value)] = true; }

    /** The parameter (or buffer) that is an argument, or an undefined tensor. */
    torch::Tensor bound_at(const Node& node, std::size_t place, BoundTensor::Kind kind) const {
        const auto found = bound_.find(node.input(place));
        if (found == bound_.end() || found->second->kind != kind) return {};
        return tensors_[index(found->first)].toTensor();
    }

    void visit(std::size_t i) {
        const Node& node = graph_.nodes[i];
        if (node.target == "aten.batch_norm.default") return add_batch_norm(i);
        if (node.target == "aten.layer_norm.default") return add_layer_norm(i);
        if (!multiplies(node) || !multiplies_parameters(node)) return;
        const auto weight = bound_.find(node.input(1));
        const bool direct =
            weight != bound_.end() && weight->second->kind == BoundTensor::Kind::parameter;
        const std::string name = direct ? without_weight(weight->second->name) : node.name;
        try {
            if (!is_convolution(node) && node.target != "aten.linear.default") {
                throw Refusal{
                    fmt::format("{} is neither a Linear layer nor a 2-D convolution", node.target)};
            }
            if (!direct) throw Refusal{"its weight is computed from parameters"};
            if (!of_images_[index(node.input(0))]) {
                throw Refusal{"its input does not depend on the images"};
            }
            add_layer(i, weight->first, name);
        } catch (const Refusal& refusal) {
            refuse(name, refusal.reason);
        }
    }

    bool multiplies_parameters(const Node& node) const {
        bool any = false;
        // A bias is added.
        const bool layer = is_convolution(node) || node.target == "aten.linear.default";
        if (layer) return node.input(1) >= 0 && of_parameters_[index(node.input(1))];
        node.each_input([&](ValueId value) { any = any || of_parameters_[index(value)]; });
        return any;
    }

    void refuse(const std::string& name, const std::string& reason) {
        const auto known = [&](const auto& other) { return other.name == name; };
        if (std::ranges::none_of(found_.unquantizable, known)) {
            found_.unquantizable.push_back({name, reason});
        }
    }

    void add_layer(std::size_t i, ValueId weight_id, const std::string& name) {
        const Node& node = graph_.nodes[i];
        const torch::Tensor weight = bound_at(node, 1, BoundTensor::Kind::parameter);
        const torch::Tensor bias = bound_at(node, 2, BoundTensor::Kind::parameter);
        const bool convolution = is_convolution(node);
        if (weight.dim() != (convolution ? 4 : 2)) {
            throw Refusal{fmt::format("its weight has {} dimensions", weight.dim())};
        }
        Conv2dOptions options;
        if (convolution) {
            if (graph_.values[index(node.input(0))].sizes.size() != 4) {
                throw Refusal{"its input is not [batch, channels, height, width]"};
            }
            options = convolution_options(node, weight);
        }
        if (const auto other = by_weight_.find(weight_id); other != by_weight_.end()) {
            auto& entry = found_.entries[other->second];
            const auto* layer = entry.call->observable().layer();
            const auto* known = layer->convolution();
            if ((known != nullptr) != convolution ||
                (convolution && !same_options(*known, options))) {
                throw Refusal{"its weight is used in two ways"};
            }
            add_node(entry, i);
            return;
        }
        by_weight_[weight_id] = found_.entries.size();
        if (convolution) {
            add_entry(i, name, std::make_unique<ProgramConvolution>(weight, bias, options));
        } else {
            add_entry(i, name, std::make_unique<ProgramLinear>(weight, bias));
        }
    }

    void add_layer_norm(std::size_t i) {
        const Node& node = graph_.nodes[i];
        const torch::Tensor weight = bound_at(node, 2, BoundTensor::Kind::parameter);
        const torch::Tensor bias = bound_at(node, 3, BoundTensor::Kind::parameter);
        if (!weight.defined() || !bias.defined() || weight.dim() != 1 ||
            !of_images_[index(node.input(0))] || shared_norm(node.input(2), i)) {
            return;
        }
        by_weight_[node.input(2)] = found_.entries.size();
        add_entry(i, without_weight(bound_.at(node.input(2))->name),
                  std::make_unique<ProgramLayerNorm>(weight, bias));
    }

    void add_batch_norm(std::size_t i) {
        const Node& node = graph_.nodes[i];
        using Kind = BoundTensor::Kind;
        const torch::Tensor weight = bound_at(node, 1, Kind::parameter);
        const torch::Tensor bias = bound_at(node, 2, Kind::parameter);
        const torch::Tensor mean = bound_at(node, 3, Kind::buffer);
        const torch::Tensor variance = bound_at(node, 4, Kind::buffer);
        const c10::IValue* eps = constant_at(node, 7);
        if (!weight.defined() || !bias.defined() || !mean.defined() || !variance.defined() ||
            eps == nullptr || !of_images_[index(node.input(0))] || shared_norm(node.input(1), i)) {
            return;
        }
        by_weight_[node.input(1)] = found_.entries.size();
        add_entry(i, without_weight(bound_.at(node.input(1))->name),
                  std::make_unique<ProgramBatchNorm>(
                      weight, bias, BatchStatistics{mean, variance, eps->toDouble()}));
    }

    /** Whether node `i` is one more of a norm that is known. */
    bool shared_norm(ValueId weight, std::size_t i) {
        const auto known = by_weight_.find(weight);
        if (known == by_weight_.end()) return false;
        add_node(found_.entries[known->second], i);
        return true;
    }

    void add_entry(std::size_t i, const std::string& name, std::unique_ptr<WatchedCall> call) {
        call->observable().set_name(name);
        found_.entries.push_back({std::move(call), {}});
        add_node(found_.entries.back(), i);
    }

    void add_node(ProgramLayers::Entry& entry, std::size_t i) {
        entry.nodes.push_back(i);
        entry.call->add_node();
    }

    /** A parameter that something else reads as well must stay as it is. */
    void drop_those_used_otherwise() {
        const auto otherwise = [&](const ProgramLayers::Entry& entry) {
            if (entry.call->observable().layer() == nullptr) return false;
            const ValueId weight = graph_.nodes[entry.nodes.front()].input(1);
            const bool only = uses_[index(weight)] == std::ssize(entry.nodes);
            if (!only) refuse(entry.call->observable().name(), "its weight is used otherwise, too");
            return !only;
        };
        std::erase_if(found_.entries, otherwise);
    }

    ProgramLayers::Entry* entry_of(std::size_t node) {
        for (auto& entry : found_.entries) {
            if (std::ranges::find(entry.nodes, node) != entry.nodes.end()) return &entry;
        }
        return nullptr;
    }

    void pair_convolutions() {
        for (auto& entry : found_.entries) {
            if (entry.call->observable().kind() != ObservableKind::batch_norm) continue;
            const ValueId input = graph_.nodes[entry.nodes.front()].input(0);
            const std::size_t maker = maker_[index(input)];
            if (entry.nodes.size() != 1 || uses_[index(input)] != 1 ||
                maker == graph_.nodes.size() || !is_convolution(graph_.nodes[maker])) {
                continue;
            }
            const auto* before = entry_of(maker);
            if (before != nullptr && before->nodes.size() == 1) {
                entry.convolution = &before->call->observable();
            }
        }
    }

    /**
     * The nodes that multiply parameters on the ways back from `values`: all of them, or the
     * nearest, where ways end.
     */
    std::set<std::size_t> layers_before(std::vector<ValueId> values, bool nearest) const {
        std::set<std::size_t> layers;
        std::set<ValueId> seen;
        while (!values.empty()) {
            const ValueId value = values.back();
            values.pop_back();
            const std::size_t maker = maker_[index(value)];
            if (!of_images_[index(value)] || maker == graph_.nodes.size() ||
                !seen.insert(value).second) {
                continue;
            }
            const Node& node = graph_.nodes[maker];
            const bool layer = multiplies(node) && multiplies_parameters(node);
            if (layer) layers.insert(maker);
            if (layer && nearest) continue;
            node.each_input([&](ValueId input) { values.push_back(input); });
        }
        return layers;
    }

    /** Those nearest to the logits; of two along a shortcut, the later. */
    std::set<std::size_t> last_layers() const {
        const auto nearest = layers_before({graph_.logits}, true);
        std::vector<ValueId> inputs;
        for (const std::size_t layer : nearest) inputs.push_back(graph_.nodes[layer].input(0));
        std::erase_if(inputs, [](ValueId value) { return value < 0; });
        const auto earlier = layers_before(std::move(inputs), false);
        std::set<std::size_t> last;
        std::ranges::set_difference(nearest, earlier, std::inserter(last, last.end()));
        return last;
    }

    void choose_kept() {
        const auto last = last_layers();
        const bool attention = std::ranges::any_of(graph_.nodes, [](const Node& node) {
            return node.target.starts_with("aten.softmax") ||
                   node.target.starts_with("aten._softmax") ||
                   node.target.starts_with("aten.scaled_dot_product_attention");
        });
        for (auto& entry : found_.entries) {
            entry.kept = std::ranges::any_of(entry.nodes,
                                             [&](std::size_t node) { return last.contains(node); });
            const auto* layer = entry.call->observable().layer();
            if (layer == nullptr || layer->convolution() == nullptr || !attention) continue;
            const Conv2dOptions& options = *layer->convolution();
            const bool patches = options.kernel > 1 && options.kernel == options.stride;
            const ValueId input = graph_.nodes[entry.nodes.front()].input(0);
            if (patches && layers_before({input}, true).empty()) entry.kept = true;
        }
    }

    const ProgramGraph& graph_;
    const std::vector<c10::IValue>& tensors_;
    std::vector<bool> of_images_;
    std::vector<bool> of_parameters_;  ///< of parameters alone
    std::vector<int64_t> uses_;
    std::vector<std::size_t> maker_;  ///< the node; as many as there are nodes: none
    std::map<ValueId, const BoundTensor*> bound_;
    std::map<ValueId, std::size_t> by_weight_;
    ProgramLayers found_;
};

}  // namespace

ProgramLayers find_layers(const ProgramGraph& graph, const std::vector<c10::IValue>& tensors) {
    return LayerSearch(graph, tensors).run();
}

}  // namespace comq
