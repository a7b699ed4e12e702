#include "networks/programs/graph_facts.hpp"

#include "networks/programs/cut_points.hpp"

namespace comq {

GraphFacts::GraphFacts(const ProgramGraph& graph, const std::vector<c10::IValue>& tensors)
    : graph_(graph),
      tensors_(tensors),
      of_images_(values_of_images(graph)),
      of_parameters_(graph.values.size(), false),
      uses_(graph.values.size(), 0),
      maker_(graph.values.size()) {
    for (const BoundTensor& tensor : graph.tensors) {
        bound_[tensor.value] = &tensor;
        of_parameters_[index(tensor.value)] = tensor.kind == BoundTensor::Kind::parameter;
    }
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        const Node& node = graph.nodes[i];
        bool of_parameter = false;
        node.each_input([&](ValueId value) {
            ++uses_[index(value)];
            of_parameter = of_parameter || of_parameters(value);
        });
        node.each_output([&](ValueId value) {
            maker_[index(value)] = i;
            if (of_parameter && !of_images(value)) of_parameters_[index(value)] = true;
        });
    }
}

const BoundTensor* GraphFacts::bound(ValueId value) const {
    const auto found = bound_.find(value);
    return found == bound_.end() ? nullptr : found->second;
}

torch::Tensor GraphFacts::tensor(ValueId value, BoundTensor::Kind kind) const {
    const BoundTensor* found = bound(value);
    if (found == nullptr || found->kind != kind) return {};
    return tensors_[index(value)].toTensor();
}

}  // namespace comq
