#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "networks/hash_weights.hpp"
#include "networks/registry.hpp"
#include "passes/pass_over.hpp"
#include "repair/repair.hpp"
#include "support/assets.hpp"
#include "support/memory_source.hpp"
#include "torch_bridge/bridge.hpp"

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

/** Rounds the weights of all layers to two bits a channel; the records say to which. */
inline std::vector<LayerRecord> quantized_layers(Network& network) {
    const torch::NoGradGuard no_gradient;
    std::vector<LayerRecord> records;
    for (const auto& entry : network.layers()) {
        torch::Tensor& weight = entry.layer->weight();
        const auto rows = weight.flatten(1);
        const auto lowest = rows.amin({1}, true);
        const auto scale = ((rows.amax({1}, true) - lowest) / 3.0).clamp_min(1e-6);
        LayerRecord record;
        record.name = entry.layer->name();
        record.bits = 2;
        record.bit_code = to_host(((rows - lowest) / scale).round().to(torch::kUInt8));
        record.scale = to_host(scale);
        record.zero_point = to_host(lowest / scale);
        weight.copy_(
            dequantized(record.bit_code, record.scale, record.zero_point).view(weight.sizes()));
        records.push_back(std::move(record));
    }
    return records;
}

/** Applies one repair to `network`, a copy of `original` whose weights are those of `layers`. */
inline std::vector<RepairedParts> apply_all(const Repair& repair, const Network& original,
                                            Network& network, const ImagePass& pass,
                                            const RepairConfig& config,
                                            std::vector<LayerRecord>& layers,
                                            std::vector<int64_t> held_out = {},
                                            bool real_zero_points = true,
                                            RepairProgress progress = {}) {
    RepairContext context{.config = config,
                          .original = original,
                          .network = network,
                          .layers = layers,
                          .pass = pass,
                          .held_out = std::move(held_out),
                          .micro_batch = pass.images.batch_size,
                          .one_scale_a_layer = false,
                          .real_zero_points = real_zero_points,
                          .seed = 0,
                          .scratch = temporary_folder() / "spool",
                          .progress = std::move(progress)};
    return repair.apply(context);
}

/** The same; what is said first of it. */
inline RepairedParts apply(const Repair& repair, const Network& original, Network& network,
                           const ImagePass& pass, const RepairConfig& config = {},
                           std::vector<LayerRecord> layers = {},
                           std::vector<int64_t> held_out = {}) {
    return apply_all(repair, original, network, pass, config, layers, std::move(held_out)).at(0);
}

}  // namespace comq::test
