#include "experiment/layer_plan.hpp"

#include <algorithm>

#include "core/errors.hpp"
#include "networks/registry.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

LayerPlan plan_of(const Network& network, std::vector<LayerRule> rules) {
    QuantizationConfig config;
    config.bits = 4;
    config.layers = std::move(rules);
    return plan_layers(network, config);
}

const PlannedLayer* find(const LayerPlan& plan, const std::string& name) {
    const auto found = std::ranges::find_if(
        plan.layers, [&](const auto& planned) { return planned.entry.layer->name() == name; });
    return found == plan.layers.end() ? nullptr : &*found;
}

}  // namespace

TEST_CASE("the default scope of a ViT is every Linear but the head") {
    const auto network = find_model("deit_tiny_patch16_224").make();
    const auto plan = plan_of(*network, {});
    CHECK(plan.layers.size() == 48);
    CHECK(plan.left_out == std::vector<std::string>{"patch_embed.proj", "head"});
    CHECK(std::ranges::all_of(plan.layers, [](const auto& layer) { return layer.bits == 4; }));
}

TEST_CASE("the first rule that matches a layer decides") {
    const auto network = find_model("deit_tiny_patch16_224").make();
    const auto plan = plan_of(*network, {{.match = "blocks.0.*", .bits = 8},
                                         {.match = "blocks.*.mlp.fc?", .quantize = false},
                                         {.match = "head", .bits = 6}});
    CHECK(find(plan, "blocks.0.mlp.fc1")->bits == 8);
    CHECK(find(plan, "blocks.1.mlp.fc1") == nullptr);
    CHECK(find(plan, "blocks.1.attn.qkv")->bits == 4);
    CHECK(find(plan, "head")->bits == 6);
    CHECK(plan.layers.size() == 48 - 22 + 1);
}

TEST_CASE("a rule that matches no layer is an error with the nearest name") {
    const auto network = find_model("deit_tiny_patch16_224").make();
    CHECK_THROWS_AS(plan_of(*network, {{.match = "blocks.12.*", .quantize = false}}), UsageError);
    CHECK_THROWS_WITH(plan_of(*network, {{.match = "blocks.0.attn.qvk", .quantize = false}}),
                      ContainsSubstring("blocks.0.attn.qkv"));
}

TEST_CASE("a rule behind others that match all its layers is an error") {
    const auto network = find_model("deit_tiny_patch16_224").make();
    CHECK_THROWS_WITH(
        plan_of(*network,
                {{.match = "blocks.*.mlp.*", .bits = 8}, {.match = "*.fc1", .quantize = false}}),
        ContainsSubstring("'*.fc1' never decides") && ContainsSubstring("'blocks.*.mlp.*'"));
    CHECK_NOTHROW(plan_of(
        *network, {{.match = "blocks.0.mlp.*", .bits = 8}, {.match = "*.fc1", .quantize = false}}));
}

TEST_CASE("rules name layers by kind and position as well") {
    const auto network = find_model("mobilenet_v2").make();
    const auto with_bits = [&](std::vector<LayerRule> rules, int bits) {
        std::vector<std::string> names;
        for (const auto& planned : plan_of(*network, std::move(rules)).layers) {
            if (planned.bits == bits) names.push_back(planned.entry.layer->name());
        }
        return names;
    };
    CHECK(with_bits({{.bits = 8, .kind = LayerKind::depthwise}}, 8).size() == 17);
    CHECK(with_bits({{.bits = 8, .kind = LayerKind::grouped}}, 8).size() == 17);
    CHECK(with_bits({{.bits = 8, .kind = LayerKind::pointwise}}, 8).size() == 34);
    CHECK(with_bits({{.bits = 8, .kind = LayerKind::convolution}}, 8).size() == 52);
    CHECK(with_bits({{.bits = 8, .kind = LayerKind::linear}}, 8) ==
          std::vector<std::string>{"classifier.1"});
    CHECK(with_bits({{.bits = 8, .position = LayerPosition::first},
                     {.bits = 8, .position = LayerPosition::last}},
                    8) == std::vector<std::string>{"features.0.0", "classifier.1"});
    CHECK(with_bits({{.bits = 8, .kind = LayerKind::depthwise, .blocks = BlockRange{1, 2}}}, 8) ==
          std::vector<std::string>{"features.1.conv.0.0", "features.2.conv.1.0"});
    CHECK_THROWS_WITH(
        plan_of(*network, {{.bits = 8, .kind = LayerKind::depthwise, .blocks = BlockRange{0, 0}}}),
        ContainsSubstring("'{kind: depthwise, blocks: 0}' matches no layer of mobilenet_v2"));
}

TEST_CASE("globs match whole names and stars cross dots") {
    CHECK(glob_matches("blocks.*", "blocks.0.attn.qkv"));
    CHECK(glob_matches("*.fc1", "blocks.0.mlp.fc1"));
    CHECK_FALSE(glob_matches("blocks", "blocks.0"));
    CHECK_FALSE(glob_matches("fc1", "blocks.0.mlp.fc1"));
}
