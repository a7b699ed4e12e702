#include "networks/programs/parameter_view.hpp"

#include <algorithm>

namespace comq {

namespace {

/** The one value that `node` makes a view of; −1 when it does anything else. */
ValueId viewed_by(const Node& node) {
    if (!node.op || !node.mutated.empty() || node.results.size() != 1 || node.results[0].list) {
        return -1;
    }
    const auto& returns = node.op->schema().returns();
    if (returns.size() != 1 || returns[0].alias_info() == nullptr) return -1;
    ValueId viewed = -1;
    int inputs = 0;
    node.each_input([&](ValueId value) {
        viewed = value;
        ++inputs;
    });
    return inputs == 1 ? viewed : -1;
}

}  // namespace

std::optional<ParameterView> view_of_parameter(const GraphFacts& facts, ValueId value) {
    const ProgramGraph& graph = facts.graph();
    ParameterView view;
    view.parameter = value;
    torch::Tensor parameter;
    while (true) {
        parameter = facts.tensor(view.parameter, BoundTensor::Kind::parameter);
        if (parameter.defined()) break;
        const auto maker = facts.maker(view.parameter);
        if (!maker) return std::nullopt;
        view.nodes.push_back(*maker);
        view.parameter = viewed_by(graph.nodes[*maker]);
        if (view.parameter < 0) return std::nullopt;
    }
    std::ranges::reverse(view.nodes);

    const torch::NoGradGuard no_gradient;
    Frame frame{facts.tensors(), std::vector<c10::IValue>(graph.values.size()), parameter.device()};
    torch::jit::Stack stack;
    for (const std::size_t i : view.nodes) {
        push_arguments(graph.nodes[i], frame, stack);
        call(graph, graph.nodes[i], stack);
        store_results(graph, graph.nodes[i], stack, frame);
    }
    view.tensor = frame.at(value).toTensor();
    const bool all_of_it = view.tensor.is_alias_of(parameter) &&
                           view.tensor.numel() == parameter.numel() &&
                           view.tensor.is_non_overlapping_and_dense();
    if (!all_of_it) return std::nullopt;
    return view;
}

}  // namespace comq
