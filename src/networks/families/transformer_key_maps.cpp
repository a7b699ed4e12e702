#include "networks/families/transformer_key_maps.hpp"

#include <fmt/format.h>

#include <string>

namespace comq {

namespace {

/** What transformers calls the parts of a block; 5.0 renamed them in memory, not on its hub. */
struct TransformersNames {
    const char *query, *key, *value, *projection, *first, *second;
};

// Constants of the compiler, for the families are made before main.
constexpr TransformersNames on_the_hub{"attention.attention.query", "attention.attention.key",
                                       "attention.attention.value", "attention.output.dense",
                                       "intermediate.dense",        "output.dense"};
constexpr TransformersNames swin_on_the_hub{"attention.self.query", "attention.self.key",
                                            "attention.self.value", "attention.output.dense",
                                            "intermediate.dense",   "output.dense"};
constexpr TransformersNames in_memory{"attention.q_proj", "attention.k_proj", "attention.v_proj",
                                      "attention.o_proj", "mlp.fc1",          "mlp.fc2"};

/** Rules for the blocks that `block` is the pattern of; `ours` is what such a block becomes. */
std::vector<KeyRule> block_rules(const std::string& block, const std::string& ours,
                                 const std::string& last, const TransformersNames& names) {
    const auto rule = [&](const std::string& theirs, const std::string& target, RowPart part = {}) {
        return KeyRule{fmt::format("{}.{}.*", block, theirs),
                       fmt::format("{}.{}.{}", ours, target, last), part};
    };
    return {rule(names.query, "attn.qkv", {1, 3}), rule(names.key, "attn.qkv", {2, 3}),
            rule(names.value, "attn.qkv", {3, 3}), rule(names.projection, "attn.proj"),
            rule(names.first, "mlp.fc1"),          rule(names.second, "mlp.fc2"),
            rule("layernorm_before", "norm1"),     rule("layernorm_after", "norm2")};
}

/** ViTForImageClassification and the two of DeiT; `*` in front is "vit" or "deit". */
KeyMap transformers_vit(const std::string& blocks, const TransformersNames& names) {
    std::vector<KeyRule> rules = block_rules(blocks + ".*", "blocks.$2", "$3", names);
    for (KeyRule& rule :
         std::vector<KeyRule>{{"*.embeddings.cls_token", "cls_token"},
                              {"*.embeddings.distillation_token", "dist_token"},
                              {"*.embeddings.position_embeddings", "pos_embed"},
                              {"*.embeddings.patch_embeddings.projection.*", "patch_embed.proj.$2"},
                              {"*.layernorm.*", "norm.$2"},
                              {"*.pooler.**", {}},
                              {"classifier.*", "head.$1"},
                              {"cls_classifier.*", "head.$1"},
                              {"distillation_classifier.*", "head_dist.$1"}}) {
        rules.push_back(std::move(rule));
    }
    return {"transformers, ViT or DeiT", fmt::format("{}.0.{}.weight", blocks, names.query),
            std::move(rules)};
}

KeyMap torchvision_vit() {
    const std::string layer = "encoder.layers.encoder_layer_*.";
    return {"torchvision, Vision Transformer",
            "encoder.layers.encoder_layer_0.ln_1.weight",
            {{"class_token", "cls_token"},
             {"conv_proj.*", "patch_embed.proj.$1"},
             {"encoder.pos_embedding", "pos_embed"},
             {layer + "ln_1.*", "blocks.$1.norm1.$2"},
             {layer + "ln_2.*", "blocks.$1.norm2.$2"},
             {layer + "self_attention.in_proj_*", "blocks.$1.attn.qkv.$2"},
             {layer + "self_attention.out_proj.*", "blocks.$1.attn.proj.$2"},
             // In files; a state_dict of a current torchvision counts the perceptron's parts.
             {layer + "mlp.linear_1.*", "blocks.$1.mlp.fc1.$2"},
             {layer + "mlp.linear_2.*", "blocks.$1.mlp.fc2.$2"},
             {layer + "mlp.0.*", "blocks.$1.mlp.fc1.$2"},
             {layer + "mlp.3.*", "blocks.$1.mlp.fc2.$2"},
             {"encoder.ln.*", "norm.$1"},
             {"heads.head.*", "head.$1"}}};
}

KeyMap transformers_swin(const TransformersNames& names, const std::string& table) {
    const std::string block = "*.encoder.layers.*.blocks.*";
    std::vector<KeyRule> rules = block_rules(block, "layers.$2.blocks.$3", "$4", names);
    for (KeyRule& rule : std::vector<KeyRule>{
             {block + "." + table, "layers.$2.blocks.$3.attn.relative_position_bias_table"},
             {"**.relative_position_index", {}},
             {"*.embeddings.patch_embeddings.projection.*", "patch_embed.proj.$2"},
             {"*.embeddings.norm.*", "patch_embed.norm.$2"},
             {"*.encoder.layers.*.downsample.**", "layers.$2.downsample.$3"},
             {"*.layernorm.*", "norm.$2"},
             {"classifier.*", "head.$1"}}) {
        rules.push_back(std::move(rule));
    }
    return {"transformers, Swin Transformer",
            fmt::format("*.encoder.layers.0.blocks.0.{}.weight", names.query), std::move(rules)};
}

/** Stages and patch mergings alternate among torchvision's features. */
KeyMap torchvision_swin() {
    std::vector<KeyRule> rules{{"**.relative_position_index", {}},
                               {"features.0.0.*", "patch_embed.proj.$1"},
                               {"features.0.2.*", "patch_embed.norm.$1"}};
    constexpr int stages = 4;
    for (int stage = 0; stage < stages; ++stage) {
        const std::string blocks = fmt::format("features.{}.*.", 2 * stage + 1);
        const std::string ours = fmt::format("layers.{}.", stage);
        rules.push_back({blocks + "mlp.0.*", ours + "blocks.$1.mlp.fc1.$2"});
        rules.push_back({blocks + "mlp.3.*", ours + "blocks.$1.mlp.fc2.$2"});
        rules.push_back({blocks + "**", ours + "blocks.$1.$2"});
        rules.push_back({fmt::format("features.{}.**", 2 * stage + 2), ours + "downsample.$1"});
    }
    return {"torchvision, Swin Transformer", "features.1.0.attn.qkv.weight", std::move(rules)};
}

}  // namespace

std::vector<KeyMap> vision_transformer_key_maps() {
    return {torchvision_vit(), transformers_vit("*.encoder.layer", on_the_hub),
            transformers_vit("*.layers", in_memory)};
}

std::vector<KeyMap> swin_key_maps() {
    return {
        torchvision_swin(),
        transformers_swin(swin_on_the_hub, "attention.self.relative_position_bias_table"),
        transformers_swin(in_memory,
                          "attention.relative_position_bias.relative_position_bias_table"),
        // The buffers are functions of the geometry: the network makes them.
        {"timm, Swin Transformer with its buffers",
         "layers.0.**",
         {{"**.relative_position_index", {}}, {"**.attn_mask", {}}}},
        // Patch merging moved from the end of a stage to the begin of the next one, and the
        // classifier into a module.
        {"timm 0.9 and later, Swin Transformer",
         "layers.3.downsample.**",
         {{"layers.*.downsample.**", "layers.$1{-1}.downsample.$2"}, {"head.fc.*", "head.$1"}}}};
}

}  // namespace comq
