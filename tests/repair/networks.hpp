#pragma once

#include <memory>
#include <string>

#include "networks/hash_weights.hpp"
#include "networks/registry.hpp"
#include "passes/pass_over.hpp"
#include "support/memory_source.hpp"

namespace comq::test {

inline std::shared_ptr<Network> hash_network(const std::string& name) {
    auto network = find_model(name).make();
    set_hash_weights(*network);
    network->eval();
    return network;
}

/** Rounds the weights of all layers to a few levels, so that there is something to repair. */
inline void round_weights(Network& network) {
    const torch::NoGradGuard no_gradient;
    for (const auto& entry : network.layers()) {
        torch::Tensor& weight = entry.layer->weight();
        const auto step = weight.abs().amax() / 2;
        weight.copy_((weight / step).round() * step);
    }
}

}  // namespace comq::test
