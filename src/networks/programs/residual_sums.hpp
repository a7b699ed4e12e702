#pragma once

#include "torch_bridge/torch.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "networks/programs/graph_facts.hpp"
#include "networks/programs/layer_search.hpp"

namespace comq {

/** Where outputs of layers are added to residual streams; one entry a node. */
struct ResidualSums {
    /** A node on the way of an output to a sum. */
    enum class Does { moves, multiplies, normalizes, adds };
    struct Link {
        std::size_t argument;  ///< that the output is
        Does does;
    };
    /** A term of a sum, and the other one. */
    struct Term {
        std::size_t layer;  ///< the node whose output it is made of
        ValueId branch;
        ValueId stream;
    };
    std::vector<bool> starts;  ///< a layer whose output a sum takes
    std::vector<std::optional<Link>> links;
    std::vector<std::vector<Term>> terms;  ///< of a node that adds two tensors of the images
};

/**
 * Finds additions of two tensors of one shape where one is the output of a layer behind nothing but
 * BatchNorms, factors and addends that depend on no image, and operators that move entries.
 */
ResidualSums find_residual_sums(const GraphFacts& facts, const ProgramLayers& layers);

/**
 * Follows outputs through a graph while it runs on one thread, and tells the tap what they are
 * added to. Where entries went, and by how much they were multiplied, is read off tensors of their
 * places and of ones that are sent the same way.
 */
class SumWatch {
  public:
    SumWatch(const ProgramGraph& graph, const ProgramLayers& layers, const ResidualSums& sums)
        : graph_(graph), layers_(layers), sums_(sums) {}

    /** To be called after `node` has run, while `frame` has what it took and made. */
    void follow(std::size_t node, const Frame& frame);

  private:
    struct Probes {
        torch::Tensor places;        ///< of the entries in the layer's output, int64
        torch::Tensor factors;       ///< of the entries
        std::vector<int64_t> sizes;  ///< of the layer's output
    };
    torch::Tensor passed(const Node& node, std::size_t argument, const torch::Tensor& probe,
                         const Frame& frame) const;
    Probes passed(std::size_t node, const ResidualSums::Link& link, Probes probes,
                  const Frame& frame) const;
    void tell(const ResidualSums::Term& term, const Frame& frame) const;

    const ProgramGraph& graph_;
    const ProgramLayers& layers_;
    const ResidualSums& sums_;
    std::map<ValueId, Probes> probes_;
};

}  // namespace comq
