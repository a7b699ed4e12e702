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
    const auto plan = plan_of(*network, {{"blocks.0.*", std::nullopt, 8},
                                         {"blocks.*.mlp.fc?", false, std::nullopt},
                                         {"head", std::nullopt, 6}});
    CHECK(find(plan, "blocks.0.mlp.fc1")->bits == 8);
    CHECK(find(plan, "blocks.1.mlp.fc1") == nullptr);
    CHECK(find(plan, "blocks.1.attn.qkv")->bits == 4);
    CHECK(find(plan, "head")->bits == 6);
    CHECK(plan.layers.size() == 48 - 22 + 1);
}

TEST_CASE("a rule that matches no layer is an error with the nearest name") {
    const auto network = find_model("deit_tiny_patch16_224").make();
    CHECK_THROWS_AS(plan_of(*network, {{"blocks.12.*", false, std::nullopt}}), UsageError);
    CHECK_THROWS_WITH(plan_of(*network, {{"blocks.0.attn.qvk", false, std::nullopt}}),
                      ContainsSubstring("blocks.0.attn.qkv"));
}

TEST_CASE("a rule behind others that match all its layers is an error") {
    const auto network = find_model("deit_tiny_patch16_224").make();
    CHECK_THROWS_WITH(
        plan_of(*network, {{"blocks.*.mlp.*", std::nullopt, 8}, {"*.fc1", false, std::nullopt}}),
        ContainsSubstring("'*.fc1' never decides") && ContainsSubstring("'blocks.*.mlp.*'"));
    CHECK_NOTHROW(
        plan_of(*network, {{"blocks.0.mlp.*", std::nullopt, 8}, {"*.fc1", false, std::nullopt}}));
}

TEST_CASE("globs match whole names and stars cross dots") {
    CHECK(glob_matches("blocks.*", "blocks.0.attn.qkv"));
    CHECK(glob_matches("*.fc1", "blocks.0.mlp.fc1"));
    CHECK_FALSE(glob_matches("blocks", "blocks.0"));
    CHECK_FALSE(glob_matches("fc1", "blocks.0.mlp.fc1"));
}
