#include "experiment/layer_plan.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#include "core/errors.hpp"
#include "core/nearest_name.hpp"
#include "quantization/quantization_keys.hpp"

namespace comq {

namespace {

bool is_of_kind(const QuantizableLayer& layer, LayerKind kind) {
    const Conv2dOptions* convolution = layer.convolution();
    switch (kind) {
        case LayerKind::linear:
            return convolution == nullptr;
        case LayerKind::convolution:
            return convolution != nullptr;
        case LayerKind::depthwise:
            return convolution != nullptr && layer.groups() > 1 &&
                   layer.in_features() == convolution->kernel.product();
        case LayerKind::pointwise:
            return convolution != nullptr && convolution->kernel == 1;
        case LayerKind::grouped:
            return layer.groups() > 1;
    }
    return false;
}

bool matches(const LayerRule& rule, const Network& network, const Network::LayerEntry& entry) {
    const QuantizableLayer& layer = *entry.layer;
    if (!rule.match.empty() && !glob_matches(rule.match, layer.name())) return false;
    if (rule.kind && !is_of_kind(layer, *rule.kind)) return false;
    if (rule.position) {
        const auto& layers = network.layers();
        const bool first = *rule.position == LayerPosition::first;
        if ((first ? layers.front() : layers.back()).layer != entry.layer) return false;
    }
    const auto block = static_cast<int>(entry.block);
    return !rule.blocks || (rule.blocks->first <= block && block <= rule.blocks->last);
}

const LayerRule* first_match(const std::vector<LayerRule>& rules, const Network& network,
                             const Network::LayerEntry& entry) {
    const auto rule = std::ranges::find_if(
        rules, [&](const LayerRule& candidate) { return matches(candidate, network, entry); });
    return rule == rules.end() ? nullptr : &*rule;
}

void check_every_rule_decides(const Network& network, const std::vector<LayerRule>& rules) {
    for (const auto& rule : rules) {
        const LayerRule* earlier = nullptr;
        bool decides = false;
        for (const auto& entry : network.layers()) {
            if (!matches(rule, network, entry)) continue;
            earlier = first_match(rules, network, entry);
            decides |= earlier == &rule;
        }
        if (decides) continue;
        if (earlier != nullptr) {
            throw UsageError(
                "quantization.layers: the rule '{}' never decides: earlier rules like '{}' match "
                "every layer of {} that it matches; move it before them or take it out",
                text_of(rule), text_of(*earlier), network.model_name());
        }
        std::vector<std::string> names;
        for (const auto& entry : network.layers()) names.push_back(entry.layer->name());
        throw UsageError("quantization.layers: the rule '{}' matches no layer of {} ({}{})",
                         text_of(rule), network.model_name(),
                         rule.match.empty()
                             ? ""
                             : fmt::format("nearest: '{}'; ", nearest_name(rule.match, names)),
                         "--list-layers shows them all, with kinds and blocks");
    }
}

}  // namespace

const char* kind_of(const QuantizableLayer& layer) {
    return layer.kind() == ObservableKind::linear ? "linear" : "convolution";
}

const char* narrowest_kind(const QuantizableLayer& layer) {
    if (is_of_kind(layer, LayerKind::depthwise)) return "depthwise";
    if (is_of_kind(layer, LayerKind::pointwise)) return "pointwise";
    return is_of_kind(layer, LayerKind::grouped) ? "grouped" : kind_of(layer);
}

bool glob_matches(const std::string& glob, const std::string& name) {
    return fnmatch(glob.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

std::vector<Network::LayerEntry> LayerPlan::entries() const {
    std::vector<Network::LayerEntry> entries;
    for (const auto& planned : layers) entries.push_back(planned.entry);
    return entries;
}

LayerPlan plan_layers(const Network& network, const QuantizationConfig& config) {
    check_every_rule_decides(network, config.layers);
    LayerPlan plan;
    for (const auto& entry : network.layers()) {
        bool quantize = entry.quantized_by_default;
        int bits = config.bits;
        bool bits_given = false;
        if (const LayerRule* rule = first_match(config.layers, network, entry)) {
            // Naming the bits of a layer that is left alone by default asks for it.
            quantize = rule->quantize.value_or(quantize || rule->bits.has_value());
            bits = rule->bits.value_or(bits);
            bits_given = rule->bits.has_value();
        }
        if (quantize) {
            plan.layers.push_back({entry, bits, bits_given});
        } else {
            plan.left_out.push_back(entry.layer->name());
        }
    }
    return plan;
}

}  // namespace comq
