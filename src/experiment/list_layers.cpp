#include "experiment/list_layers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"
#include "experiment/layer_plan.hpp"
#include "networks/describe_model.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

/** A config's network without its weights, and what is planned for it. */
struct PlannedNetwork {
    explicit PlannedNetwork(const ExperimentConfig& config)
        : description(describe_model(config.model)), network(description->make()) {
        if (config.quantizes_weights()) plan = plan_layers(*network, config.quantization);
    }

    /** None where the layer stays in full precision. */
    const PlannedLayer* planned(const Network::LayerEntry& entry) const {
        const auto found = std::ranges::find_if(plan.layers, [&](const PlannedLayer& layer) {
            return layer.entry.layer == entry.layer;
        });
        return found == plan.layers.end() ? nullptr : &*found;
    }

    std::shared_ptr<const ModelDescription> description;
    std::shared_ptr<Network> network;
    LayerPlan plan;
};

const char* why_kept(const Network::LayerEntry& entry) {
    return entry.quantized_by_default ? "by quantization.layers" : "by default";
}

}  // namespace

std::string list_layers(const ExperimentConfig& config) {
    const PlannedNetwork listed(config);
    const Network& network = *listed.network;
    TextTable layers({{"layer"}, {"kind"}, {"shape"}, {"block"}, {"quantized"}}, 2);
    for (const auto& entry : network.layers()) {
        const QuantizableLayer& layer = *entry.layer;
        const PlannedLayer* planned = listed.planned(entry);
        layers.add({layer.name(), narrowest_kind(layer), format_shape(layer.weight().sizes().vec()),
                    fmt::format("{} {}", entry.block, network.blocks()[entry.block].name),
                    planned != nullptr ? fmt::format("{} bits", planned->bits)
                                       : fmt::format("kept {}", why_kept(entry))});
    }
    std::string table = layers.text();
    for (const auto& what : network.unquantizable()) {
        table += fmt::format("{}  can't be quantized: {}\n", what.name, what.reason);
    }
    for (const auto& what : network.unusable_norms()) {
        table += fmt::format("{}  norm that repairs can't have: {}\n", what.name, what.reason);
    }
    table += fmt::format("{} of {} layers of {} are quantized\n", listed.plan.layers.size(),
                         network.layers().size(), listed.description->name);
    return table;
}

Json layers_json(const ExperimentConfig& config) {
    const PlannedNetwork listed(config);
    const Network& network = *listed.network;
    Json layers = Json::array();
    for (const auto& entry : network.layers()) {
        const QuantizableLayer& layer = *entry.layer;
        const PlannedLayer* planned = listed.planned(entry);
        Json item;
        item["name"] = layer.name();
        item["kind"] = narrowest_kind(layer);
        item["shape"] = layer.weight().sizes().vec();
        item["groups"] = layer.groups();
        item["calls"] = layer.calls();
        item["block"] = entry.block;
        item["block_name"] = network.blocks()[entry.block].name;
        item["bits"] = planned != nullptr ? Json(planned->bits) : Json(nullptr);
        item["kept"] = planned != nullptr ? Json(nullptr) : Json(why_kept(entry));
        layers.push_back(std::move(item));
    }
    const auto reasons = [](const std::vector<Network::Unusable>& all) {
        Json list = Json::array();
        for (const auto& what : all) list.push_back({{"name", what.name}, {"reason", what.reason}});
        return list;
    };
    return {{"model", listed.description->name},
            {"layers", std::move(layers)},
            {"unquantizable", reasons(network.unquantizable())},
            {"unusable_norms", reasons(network.unusable_norms())}};
}

}  // namespace comq
