#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "networks/network.hpp"
#include "networks/programs/graph_facts.hpp"
#include "networks/programs/product.hpp"
#include "networks/programs/program_layers.hpp"

namespace comq {

/** The layers and norms of a program. */
struct ProgramLayers {
    struct Entry {
        std::unique_ptr<WatchedCall> call;
        std::vector<std::size_t> nodes;       ///< that call it, in order
        Observable* convolution = nullptr;    ///< as in Network::ObservableEntry
        bool kept = false;                    ///< by default
        ValueId weight = -1;                  ///< of a layer: what its nodes take for it
        std::optional<LinearForm> form = {};  ///< of a layer that is no convolution
    };
    std::vector<Entry> entries;  ///< in the order of their first nodes
    std::vector<Network::Unusable> unquantizable;
    std::vector<Network::Unusable> unusable_norms;

    /** What a node calls, and where it has its input. */
    struct NodeCall {
        const WatchedCall* call = nullptr;  ///< null: no layer or norm
        WatchedForm form = {};
    };
    std::vector<NodeCall> of_node;  ///< one a node
};

/**
 * Finds what a tap can watch: nodes whose weights are parameters, a layer for each parameter,
 * under its name without ".weight". Kept by default are the last layers on the way to the logits
 * and, in a network with attention, the convolution that cuts the images into patches.
 */
ProgramLayers find_layers(const GraphFacts& facts);

/** Once parameters lie in other memory, layers whose weights are views of them have those anew. */
void renew_views(const GraphFacts& facts, ProgramLayers& layers);

}  // namespace comq
