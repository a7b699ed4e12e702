#include "config/layer_rules.hpp"

#include "core/errors.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

std::vector<LayerDecision> vit() {
    return {{"patch_embed.proj", false},
            {"blocks.0.attn.qkv", true},
            {"blocks.0.mlp.fc1", true},
            {"blocks.10.mlp.fc1", true},
            {"head", false}};
}

std::vector<LayerDecision> apply(std::vector<LayerRule> rules) {
    QuantizationConfig config;
    config.bits = 3;
    config.layers = std::move(rules);
    auto layers = vit();
    apply_layer_rules(config, layers);
    return layers;
}

}  // namespace

TEST_CASE("without rules the default scope has the configured bits") {
    const auto layers = apply({});
    for (std::size_t i = 0; i < layers.size(); ++i) {
        CHECK(layers[i].quantize == vit()[i].quantize);
        CHECK(layers[i].bits == 3);
    }
}

TEST_CASE("the first rule that matches decides, stars cross dots") {
    const auto layers =
        apply({{"blocks.0.attn*", false, {}}, {"blocks.0.*", {}, 8}, {"head", true, 6}});
    CHECK_FALSE(layers[1].quantize);
    CHECK(layers[2].quantize);
    CHECK(layers[2].bits == 8);
    CHECK(layers[3].bits == 3);
    CHECK(layers[4].quantize);
    CHECK(layers[4].bits == 6);
    CHECK_FALSE(layers[0].quantize);
    CHECK(apply({{"*", true, {}}})[0].quantize);
    CHECK(apply({{"blocks.?.mlp.fc[12]", {}, 2}})[2].bits == 2);
}

TEST_CASE("a rule that does nothing is an error") {
    CHECK_THROWS_WITH(apply({{"block.0.mlp.fc1", {}, 8}}),
                      "key 'quantization.layers[0]': no layer matches 'block.0.mlp.fc1' (nearest "
                      "known: 'blocks.0.mlp.fc1')");
    CHECK_THROWS_WITH(apply({{"*", {}, 8}, {"head", true, 6}}),
                      ContainsSubstring("'quantization.layers[1]': earlier rules already decide"));
    CHECK_THROWS_WITH(apply({{"head", {}, 8}}), ContainsSubstring("add 'quantize: true'"));
    CHECK_THROWS_AS(apply({{"[", {}, 8}}), UsageError);
}
