#include "config/layer_rules.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "config/yaml_document.hpp"
#include "core/errors.hpp"
#include "core/nearest_name.hpp"

namespace comq {

namespace {

// Without FNM_PATHNAME a '*' of fnmatch crosses everything.
bool matches(const LayerRule& rule, const std::string& name) {
    return fnmatch(rule.match.c_str(), name.c_str(), 0) == 0;
}

[[noreturn]] void report_idle_rule(std::size_t index, const LayerRule& rule,
                                   const std::vector<LayerDecision>& layers) {
    std::vector<std::string> names;
    bool shadowed = false;
    for (const auto& layer : layers) {
        names.push_back(layer.name);
        shadowed = shadowed || matches(rule, layer.name);
    }
    if (shadowed) {
        throw UsageError(
            "key 'quantization.layers[{}]': earlier rules already decide for every layer that '{}' "
            "matches; move it up or remove it",
            index, excerpt(rule.match));
    }
    throw UsageError("key 'quantization.layers[{}]': no layer matches '{}' (nearest known: '{}')",
                     index, excerpt(rule.match), nearest_name(rule.match, names));
}

}  // namespace

void apply_layer_rules(const QuantizationConfig& config, std::vector<LayerDecision>& layers) {
    std::vector<int> decided(config.layers.size(), 0), given_bits(config.layers.size(), 0);
    for (auto& layer : layers) {
        layer.bits = config.bits;
        const auto rule = std::find_if(
            config.layers.begin(), config.layers.end(),
            [&](const LayerRule& candidate) { return matches(candidate, layer.name); });
        if (rule == config.layers.end()) continue;
        const auto index = static_cast<std::size_t>(rule - config.layers.begin());
        layer.quantize = rule->quantize.value_or(layer.quantize);
        layer.bits = rule->bits.value_or(layer.bits);
        ++decided[index];
        if (layer.quantize) ++given_bits[index];
    }
    for (std::size_t i = 0; i < config.layers.size(); ++i) {
        const LayerRule& rule = config.layers[i];
        if (decided[i] == 0) report_idle_rule(i, rule, layers);
        if (rule.bits && given_bits[i] == 0) {
            throw UsageError(
                "key 'quantization.layers[{}]': the layers that '{}' matches are not quantized by "
                "default; add 'quantize: true' to give them bits",
                i, excerpt(rule.match));
        }
    }
}

}  // namespace comq
