#include "experiment/list_layers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "experiment/layer_plan.hpp"
#include "networks/describe_model.hpp"

namespace comq {

namespace {

std::string fate_of(const Network::LayerEntry& entry, const LayerPlan& plan) {
    const auto planned = std::ranges::find_if(
        plan.layers, [&](const PlannedLayer& layer) { return layer.entry.layer == entry.layer; });
    if (planned != plan.layers.end()) return fmt::format("{} bits", planned->bits);
    return entry.quantized_by_default ? "kept: quantization.layers says so" : "kept by default";
}

}  // namespace

std::string list_layers(const ExperimentConfig& config) {
    const auto description = describe_model(config.model);
    const auto network = description->make();
    LayerPlan plan;
    if (config.quantizes_weights()) plan = plan_layers(*network, config.quantization);
    std::size_t width = 5, block_width = 5;
    for (const auto& entry : network->layers()) {
        width = std::max(width, entry.layer->name().size());
        block_width = std::max(block_width, network->blocks()[entry.block].name.size());
    }
    std::string table = fmt::format("{:<{}}  {:<11} {:<18} {:<{}}  {}\n", "layer", width, "kind",
                                    "shape", "block", block_width, "quantized");
    for (const auto& entry : network->layers()) {
        const QuantizableLayer& layer = *entry.layer;
        table +=
            fmt::format("{:<{}}  {:<11} {:<18} {:<{}}  {}\n", layer.name(), width, kind_of(layer),
                        format_shape(layer.weight().sizes().vec()),
                        network->blocks()[entry.block].name, block_width, fate_of(entry, plan));
    }
    for (const auto& what : network->unquantizable()) {
        table += fmt::format("{:<{}}  can't be quantized: {}\n", what.name, width, what.reason);
    }
    table += fmt::format("{} of {} layers of {} are quantized\n", plan.layers.size(),
                         network->layers().size(), description->name);
    return table;
}

}  // namespace comq
