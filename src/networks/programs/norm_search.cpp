#include "networks/programs/norm_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "networks/programs/product.hpp"

namespace comq {

namespace {

using Kind = BoundTensor::Kind;

/** A norm's operator, and where it has its parameters. */
struct NormOperator {
    std::string_view target;
    ObservableKind kind;
    std::size_t weight;
    std::optional<std::size_t> bias;
};

constexpr std::array<NormOperator, 6> usable{
    {{"aten.batch_norm.default", ObservableKind::batch_norm, 1, 2},
     {"aten.layer_norm.default", ObservableKind::layer_norm, 2, 3},
     {"aten.native_layer_norm.default", ObservableKind::layer_norm, 2, 3},
     {"aten.group_norm.default", ObservableKind::group_norm, 2, 3},
     {"aten.native_group_norm.default", ObservableKind::group_norm, 1, 2},
     {"aten.rms_norm.default", ObservableKind::rms_norm, 2, std::nullopt}}};

constexpr std::array<std::string_view, 4> others{
    "aten.instance_norm.default", "aten._native_batch_norm_legit_no_training.default",
    "aten.native_batch_norm.default", "aten.local_response_norm.default"};

const NormOperator* operator_of(const Node& node) {
    const auto* found = std::ranges::find(usable, node.target, &NormOperator::target);
    return found == usable.end() ? nullptr : found;
}

std::string without_ending(const std::string& name, std::string_view ending) {
    return name.ends_with(ending) ? name.substr(0, name.size() - ending.size()) : name;
}

bool is_none(const Node& node, std::size_t place) {
    const c10::IValue* constant = constant_at(node, place);
    return constant != nullptr && constant->isNone();
}

/** A parameter, or none where the norm has none; throws Refusal for anything else. */
torch::Tensor parameter_at(const GraphFacts& facts, const Node& node, std::size_t place,
                           const char* what) {
    if (is_none(node, place)) return {};
    const auto parameter = facts.tensor(node.input(place), Kind::parameter);
    if (!parameter.defined()) throw Refusal{fmt::format("its {} is no parameter", what)};
    if (parameter.dim() != 1) throw Refusal{"it normalizes over several dimensions"};
    return parameter;
}

void find_batch_norm(const GraphFacts& facts, const Node& node, const torch::Tensor& weight,
                     const torch::Tensor& bias, FoundNorm& norm) {
    const auto mean = facts.tensor(node.input(3), Kind::buffer);
    const auto variance = facts.tensor(node.input(4), Kind::buffer);
    const c10::IValue* eps = constant_at(node, 7);
    if (!mean.defined() || !variance.defined() || eps == nullptr) {
        throw Refusal{"it has no running statistics"};
    }
    if (!weight.defined()) {
        norm.parameter = node.input(3);
        norm.name = without_ending(facts.bound(norm.parameter)->name, ".running_mean");
    }
    norm.call = std::make_unique<ProgramBatchNorm>(
        weight, bias, BatchStatistics{mean, variance, eps->toDouble()});
}

}  // namespace

bool is_norm(const Node& node) {
    return operator_of(node) != nullptr || std::ranges::find(others, node.target) != others.end();
}

FoundNorm find_norm(const GraphFacts& facts, const Node& node) {
    FoundNorm norm;
    norm.name = node.name;
    try {
        const NormOperator* known = operator_of(node);
        if (known == nullptr) throw Refusal{fmt::format("it is {}", node.target)};
        if (const BoundTensor* weight = facts.bound(node.input(known->weight))) {
            norm.name = without_ending(weight->name, ".weight");
        }
        const auto weight = parameter_at(facts, node, known->weight, "weight");
        const auto bias =
            known->bias ? parameter_at(facts, node, *known->bias, "bias") : torch::Tensor();
        if (!facts.of_images(node.input(0)))
            throw Refusal{"its input does not depend on the images"};
        norm.parameter = node.input(known->weight);
        if (weight.defined()) norm.form.weight = Place{known->weight};
        if (known->kind == ObservableKind::batch_norm) {
            find_batch_norm(facts, node, weight, bias, norm);
            return norm;
        }
        if (!weight.defined()) throw Refusal{"it has no weight"};
        norm.call = std::make_unique<ProgramNorm>(known->kind, weight, bias);
    } catch (const Refusal& refusal) {
        norm.unusable = refusal.reason;
    }
    return norm;
}

}  // namespace comq
