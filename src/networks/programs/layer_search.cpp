#include "networks/programs/layer_search.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/check.hpp"
#include "networks/programs/kept_layers.hpp"
#include "networks/programs/norm_search.hpp"
#include "networks/programs/parameter_view.hpp"
#include "networks/programs/product.hpp"

namespace comq {

namespace {

using Kind = BoundTensor::Kind;
using Entry = ProgramLayers::Entry;

std::string without_weight(const std::string& parameter) {
    constexpr std::string_view end = ".weight";
    return parameter.ends_with(end) ? parameter.substr(0, parameter.size() - end.size())
                                    : parameter;
}

void list(std::vector<Network::Unusable>& all, const std::string& name, const std::string& reason) {
    const auto known = [&](const auto& other) { return other.name == name; };
    if (std::ranges::none_of(all, known)) all.push_back({name, reason});
}

/** A node as a layer. */
struct FoundLayer {
    ParameterView view;
    ValueId weight_value;
    torch::Tensor bias;
    WatchedForm form;
    std::optional<Conv2dOptions> convolution;  ///< or else
    std::optional<LinearForm> linear;

    torch::Tensor weight() const { return linear ? linear->weight(view.tensor) : view.tensor; }
};

class LayerSearch {
  public:
    explicit LayerSearch(const GraphFacts& facts) : facts_(facts), graph_(facts.graph()) {
        found_.of_node.resize(graph_.nodes.size());
        // A tensor under two names is one parameter.
        std::map<const void*, ValueId> first;
        for (const BoundTensor& bound : graph_.tensors) {
            const auto* tensor =
                facts.tensors()[index(bound.value)].toTensor().unsafeGetTensorImpl();
            first_name_[bound.value] = first.emplace(tensor, bound.value).first->second;
        }
    }

    ProgramLayers run() {
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            if (is_norm(graph_.nodes[i])) {
                visit_norm(i);
            } else if (is_recurrent(graph_.nodes[i])) {
                list_weights(graph_.nodes[i]);
            } else {
                visit_product(i);
            }
        }
        drop_those_used_otherwise();
        pair_convolutions();
        choose_kept(facts_, found_);
        for (const auto& entry : found_.entries) {
            for (const std::size_t i : entry.nodes) {
                found_.of_node[i] = {entry.call.get(), forms_.at(i)};
            }
        }
        return std::move(found_);
    }

  private:
    static std::size_t index(ValueId value) { return static_cast<std::size_t>(value); }

    void visit_norm(std::size_t i) {
        auto norm = find_norm(facts_, graph_.nodes[i]);
        if (norm.call == nullptr) {
            list(found_.unusable_norms, norm.name, norm.unusable);
            return;
        }
        const ValueId parameter = first_name_.at(norm.parameter);
        if (const auto known = by_parameter_.find(parameter); known != by_parameter_.end()) {
            Entry& entry = found_.entries[known->second];
            if (entry.call->observable().kind() == norm.call->observable().kind()) {
                add_node(entry, i, std::move(norm.form));
            } else {
                list(found_.unusable_norms, norm.name, "its weight is used in two ways");
            }
            return;
        }
        by_parameter_[parameter] = found_.entries.size();
        norm.call->observable().set_name(norm.name);
        found_.entries.push_back({.call = std::move(norm.call), .nodes = {}});
        add_node(found_.entries.back(), i, std::move(norm.form));
    }

    void list_weights(const Node& recurrent) {
        recurrent.each_input([&](ValueId value) {
            const auto tensor = facts_.tensor(value, Kind::parameter);
            if (!tensor.defined() || tensor.dim() < 2) return;
            list(found_.unquantizable, facts_.bound(value)->name,
                 "it belongs to a recurrent layer (" + recurrent.target + ")");
        });
    }

    void visit_product(std::size_t i) {
        const Node& node = graph_.nodes[i];
        std::string name = node.name;
        try {
            const auto multiplication =
                multiplication_of(node, [&](ValueId value) { return facts_.of_parameters(value); });
            if (!multiplication) return;
            auto view = view_of_parameter(facts_, multiplication->weight_value);
            if (!view) throw Refusal{"its weight is computed from parameters"};
            name = without_weight(facts_.bound(view->parameter)->name);
            if (view->tensor.numel() == 0) throw Refusal{"its weight is empty"};
            if (multiplication->input_value < 0 || !facts_.of_images(multiplication->input_value)) {
                throw Refusal{"its input does not depend on the images"};
            }
            add_layer(i, name, layer_of(node, *multiplication, std::move(*view)));
        } catch (const Refusal& refusal) {
            list(found_.unquantizable, name, refusal.reason);
        }
    }

    FoundLayer layer_of(const Node& node, const Multiplication& multiplication,
                        ParameterView view) const {
        FoundLayer layer{std::move(view), multiplication.weight_value, {}, {}, {}, {}};
        layer.form.input = multiplication.input;
        layer.form.weight = multiplication.weight;
        int64_t channels = layer.view.tensor.size(0);
        if (is_convolution(node)) {
            auto form = convolution_form(graph_, node, layer.view.tensor);
            layer.convolution = form.options;
            layer.form.shown_input = layer.form.shown_output = form.maps;
        } else {
            layer.linear = linear_form(graph_, node, multiplication, layer.view.tensor);
            layer.form.shown_input = layer.linear->input;
            layer.form.shown_output = layer.linear->output;
            channels = layer.linear->out_features;
        }
        // One for each channel, or else a repair would change something else.
        const auto bias = facts_.tensor(multiplication.bias_value, Kind::parameter);
        const bool last_factor = multiplication.weight.argument > multiplication.input.argument;
        if (bias.defined() && bias.dim() == 1 && bias.numel() == channels && last_factor) {
            layer.bias = bias;
        }
        return layer;
    }

    void add_layer(std::size_t i, const std::string& name, const FoundLayer& layer) {
        views_.insert(layer.view.nodes.begin(), layer.view.nodes.end());
        const ValueId parameter = first_name_.at(layer.view.parameter);
        if (const auto known = by_parameter_.find(parameter); known != by_parameter_.end()) {
            Entry& entry = found_.entries[known->second];
            const QuantizableLayer* other = entry.call->observable().layer();
            if (other == nullptr || !same_codes(*other, layer)) {
                throw Refusal{"its weight is used in two ways"};
            }
            torch::Tensor& bias = entry.call->observable().bias();
            if (!bias.is_same(layer.bias)) bias = torch::Tensor();
            add_node(entry, i, layer.form);
            return;
        }
        by_parameter_[parameter] = found_.entries.size();
        std::unique_ptr<WatchedCall> call;
        if (layer.convolution) {
            call = std::make_unique<ProgramConvolution>(layer.weight(), layer.bias,
                                                        *layer.convolution);
        } else {
            call = std::make_unique<ProgramLinear>(layer.weight(), layer.bias, layer.linear->groups,
                                                   layer.linear->out_features);
        }
        call->observable().set_name(name);
        found_.entries.push_back({.call = std::move(call),
                                  .nodes = {},
                                  .weight = layer.weight_value,
                                  .form = layer.linear});
        add_node(found_.entries.back(), i, layer.form);
    }

    /** Whether `other` has the same codes in the same places, and rows of the same kind. */
    static bool same_codes(const QuantizableLayer& known, const FoundLayer& other) {
        const auto* convolution = known.convolution();
        if ((convolution != nullptr) != other.convolution.has_value()) return false;
        const auto weight = other.weight();
        if (known.weight().sizes() != weight.sizes() ||
            known.weight().strides() != weight.strides()) {
            return false;
        }
        if (convolution == nullptr) {
            return known.groups() == other.linear->groups &&
                   known.out_features() == other.linear->out_features;
        }
        auto options = *other.convolution;
        options.bias = convolution->bias;
        return options == *convolution;
    }

    void add_node(Entry& entry, std::size_t i, WatchedForm form) {
        entry.nodes.push_back(i);
        entry.call->add_node();
        forms_[i] = std::move(form);
    }

    /** A parameter that something else reads as well must stay as it is. */
    void drop_those_used_otherwise() {
        std::map<ValueId, ValueId> shown;  // the parameter that a value shows
        std::set<ValueId> read;            // parameters that are read by other nodes
        for (const auto& [value, parameter] : first_name_) shown[value] = parameter;
        std::set<std::size_t> layers;
        for (const Entry& entry : found_.entries)
            layers.insert(entry.nodes.begin(), entry.nodes.end());
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            graph_.nodes[i].each_input([&](ValueId value) {
                const auto parameter = shown.find(value);
                if (parameter == shown.end() || layers.contains(i)) return;
                if (!views_.contains(i)) {
                    read.insert(parameter->second);
                    return;
                }
                graph_.nodes[i].each_output(
                    [&](ValueId view) { shown.emplace(view, parameter->second); });
            });
        }
        std::set<const WatchedCall*> dropped;
        for (const auto& [parameter, entry] : by_parameter_) {
            WatchedCall& call = *found_.entries[entry].call;
            if (call.observable().layer() == nullptr || !read.contains(parameter)) continue;
            list(found_.unquantizable, call.observable().name(),
                 "its weight is used otherwise, too");
            dropped.insert(&call);
        }
        std::erase_if(found_.entries,
                      [&](const Entry& entry) { return dropped.contains(entry.call.get()); });
    }

    Entry* entry_of(std::size_t node) {
        for (auto& entry : found_.entries) {
            if (std::ranges::find(entry.nodes, node) != entry.nodes.end()) return &entry;
        }
        return nullptr;
    }

    void pair_convolutions() {
        for (auto& entry : found_.entries) {
            if (entry.call->observable().kind() != ObservableKind::batch_norm) continue;
            const ValueId input = graph_.nodes[entry.nodes.front()].input(0);
            const auto maker = facts_.maker(input);
            if (entry.nodes.size() != 1 || facts_.uses(input) != 1 || !maker ||
                !is_convolution(graph_.nodes[*maker])) {
                continue;
            }
            const auto* before = entry_of(*maker);
            if (before != nullptr && before->nodes.size() == 1) {
                entry.convolution = &before->call->observable();
            }
        }
    }

    const GraphFacts& facts_;
    const ProgramGraph& graph_;
    std::map<ValueId, ValueId> first_name_;        ///< of parameters, buffers and constants
    std::map<ValueId, std::size_t> by_parameter_;  ///< entries
    std::map<std::size_t, WatchedForm> forms_;     ///< by node
    std::set<std::size_t> views_;                  ///< nodes that make views of weights
    ProgramLayers found_;
};

}  // namespace

ProgramLayers find_layers(const GraphFacts& facts) {
    const torch::NoGradGuard no_gradient;
    return LayerSearch(facts).run();
}

void renew_views(const GraphFacts& facts, ProgramLayers& layers) {
    const torch::NoGradGuard no_gradient;
    for (const Entry& entry : layers.entries) {
        if (entry.weight < 0) continue;
        const auto view = view_of_parameter(facts, entry.weight);
        COMQ_CHECK(view.has_value());
        entry.call->observable().weight() =
            entry.form ? entry.form->weight(view->tensor) : view->tensor;
    }
}

}  // namespace comq
