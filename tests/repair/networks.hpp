#pragma once

#include <memory>
#include <string>

#include "networks/hash_weights.hpp"
#include "networks/registry.hpp"
#include "passes/pass_over.hpp"
#include "repair/repair.hpp"
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

/** Applies one repair to `network`, a copy of `original` with other weights. */
inline RepairedParts apply(const Repair& repair, const Network& original, Network& network,
                           const ImagePass& pass, const RepairConfig& config = {}) {
    std::vector<LayerRecord> layers;
    RepairContext context{.config = config,
                          .original = original,
                          .network = network,
                          .layers = layers,
                          .pass = pass,
                          .held_out = {},
                          .micro_batch = pass.images.batch_size,
                          .one_scale_a_layer = false,
                          .seed = 0,
                          .scratch = {}};
    return repair.apply(context).at(0);
}

}  // namespace comq::test
