#pragma once

#include "torch_bridge/torch.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "networks/programs/graph.hpp"

namespace comq {

/** What the values of a graph depend on, and who makes and reads them. Keeps its arguments. */
class GraphFacts {
  public:
    /** `tensors` has parameters, buffers and constants by ValueId. */
    GraphFacts(const ProgramGraph& graph, const std::vector<c10::IValue>& tensors);

    const ProgramGraph& graph() const { return graph_; }
    const std::vector<c10::IValue>& tensors() const { return tensors_; }

    // A constant, −1, depends on nothing and is nobody's result.
    /** Whether it depends on the images, not only on how many they are. */
    bool of_images(ValueId value) const { return value >= 0 && of_images_[index(value)]; }
    /** Whether it depends on a parameter, and not on the images. */
    bool of_parameters(ValueId value) const { return value >= 0 && of_parameters_[index(value)]; }
    /** How often nodes read it. */
    int64_t uses(ValueId value) const { return value < 0 ? 0 : uses_[index(value)]; }
    /** The node whose result it is; none for what the graph starts from. */
    std::optional<std::size_t> maker(ValueId value) const {
        return value < 0 ? std::nullopt : maker_[index(value)];
    }

    /** The parameter, buffer or constant that `value` is; null for another value, or −1. */
    const BoundTensor* bound(ValueId value) const;
    /** The tensor of the parameter (or buffer) that is `value`; undefined if it is none. */
    torch::Tensor tensor(ValueId value, BoundTensor::Kind kind) const;

  private:
    static std::size_t index(ValueId value) { return static_cast<std::size_t>(value); }

    const ProgramGraph& graph_;
    const std::vector<c10::IValue>& tensors_;
    std::vector<bool> of_images_;
    std::vector<bool> of_parameters_;
    std::vector<int64_t> uses_;
    std::vector<std::optional<std::size_t>> maker_;
    std::map<ValueId, const BoundTensor*> bound_;
};

}  // namespace comq
