#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "networks/network.hpp"
#include "networks/programs/graph.hpp"
#include "networks/programs/program_layers.hpp"

namespace comq {

/** The layers and norms of a program. */
struct ProgramLayers {
    struct Entry {
        std::unique_ptr<WatchedCall> call;
        std::vector<std::size_t> nodes;     ///< that call it, in order
        Observable* convolution = nullptr;  ///< as in Network::ObservableEntry
        bool kept = false;                  ///< by default
    };
    std::vector<Entry> entries;  ///< in the order of their first nodes
    std::vector<Network::Unquantizable> unquantizable;
    /** Of each node, the entry that it calls; null: none. */
    std::vector<const WatchedCall*> of_node;
};

/**
 * Finds what a tap can watch: nodes whose weights are parameters, a layer for each parameter,
 * under its name without ".weight". `tensors` has those parameters by ValueId. Kept by default are
 * the last layers on the way to the logits and, in a network with attention, the convolution that
 * cuts the images into patches.
 */
ProgramLayers find_layers(const ProgramGraph& graph, const std::vector<c10::IValue>& tensors);

}  // namespace comq
