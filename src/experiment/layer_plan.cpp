#include "experiment/layer_plan.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "core/errors.hpp"
#include "core/nearest_name.hpp"

namespace comq {

namespace {

const LayerRule* first_match(const std::vector<LayerRule>& rules, const std::string& name) {
    const auto rule = std::ranges::find_if(
        rules, [&](const LayerRule& candidate) { return glob_matches(candidate.match, name); });
    return rule == rules.end() ? nullptr : &*rule;
}

void check_every_rule_decides(const Network& network, const std::vector<LayerRule>& rules) {
    for (const auto& rule : rules) {
        const LayerRule* earlier = nullptr;
        bool decides = false;
        for (const auto& entry : network.layers()) {
            if (!glob_matches(rule.match, entry.layer->name())) continue;
            earlier = first_match(rules, entry.layer->name());
            decides |= earlier == &rule;
        }
        if (decides) continue;
        if (earlier != nullptr) {
            throw UsageError(
                "quantization.layers: the rule '{}' never decides: earlier rules like '{}' match "
                "every layer of {} that it matches; move it before them or take it out",
                rule.match, earlier->match, network.model_name());
        }
        std::vector<std::string> names;
        for (const auto& entry : network.layers()) names.push_back(entry.layer->name());
        throw UsageError(
            "quantization.layers: the rule '{}' matches no layer of {} (nearest: "
            "'{}'; --dry-run lists them all)",
            rule.match, network.model_name(), nearest_name(rule.match, names));
    }
}

}  // namespace

const char* kind_of(const QuantizableLayer& layer) {
    return layer.kind() == ObservableKind::linear ? "linear" : "convolution";
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
        if (const LayerRule* rule = first_match(config.layers, entry.layer->name())) {
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
