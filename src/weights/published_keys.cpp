#include "weights/published_keys.hpp"

#include <fmt/format.h>

#include <utility>

#include "weights/augreg_vit.hpp"

namespace comq {
namespace {

using Renames = std::vector<std::pair<std::string, std::string>>;

/** What a publisher calls the parts of an inverted-residual network that timm calls otherwise. */
struct InvertedResidualNames {
    Renames outside;      ///< parts outside the blocks
    std::string block;    ///< path of block number {}
    Renames first_stage;  ///< parts of a block without expansion
    Renames other_stages;
    int first_block = 0;  ///< its number
};

/** timm counts blocks within stages, others through the network: hence the stages' lengths. */
std::vector<KeyRule> rules_of(const InvertedResidualNames& names,
                              const std::vector<int>& stage_lengths) {
    std::vector<KeyRule> rules;
    int first = names.first_block;
    for (std::size_t stage = 0; stage < stage_lengths.size(); ++stage) {
        const std::string block =
            fmt::format(fmt::runtime(names.block), fmt::format("$1{{+{}}}", first));
        for (const auto& [timm, ours] : stage == 0 ? names.first_stage : names.other_stages) {
            rules.push_back({fmt::format("blocks.{}.*.{}.*", stage, timm),
                             fmt::format("{}.{}.$2", block, ours)});
        }
        first += stage_lengths[stage];
    }
    for (const auto& [timm, ours] : names.outside) {
        rules.push_back({fmt::format("{}.*", timm), fmt::format("{}.$1", ours)});
    }
    return rules;
}

const InvertedResidualNames torchvision_mobilenet_v2{
    {{"conv_stem", "features.0.0"},
     {"bn1", "features.0.1"},
     {"conv_head", "features.18.0"},
     {"bn2", "features.18.1"},
     {"classifier", "classifier.1"}},
    "features.{}",
    {{"conv_dw", "conv.0.0"}, {"bn1", "conv.0.1"}, {"conv_pw", "conv.1"}, {"bn2", "conv.2"}},
    {{"conv_pw", "conv.0.0"},
     {"bn1", "conv.0.1"},
     {"conv_dw", "conv.1.0"},
     {"bn2", "conv.1.1"},
     {"conv_pwl", "conv.2"},
     {"bn3", "conv.3"}},
    1};

const InvertedResidualNames efficientnet_lite_pytorch{{{"conv_stem", "_conv_stem"},
                                                       {"bn1", "_bn0"},
                                                       {"conv_head", "_conv_head"},
                                                       {"bn2", "_bn1"},
                                                       {"classifier", "_fc"}},
                                                      "_blocks.{}",
                                                      {{"conv_dw", "_depthwise_conv"},
                                                       {"bn1", "_bn1"},
                                                       {"conv_pw", "_project_conv"},
                                                       {"bn2", "_bn2"}},
                                                      {{"conv_pw", "_expand_conv"},
                                                       {"bn1", "_bn0"},
                                                       {"conv_dw", "_depthwise_conv"},
                                                       {"bn2", "_bn1"},
                                                       {"conv_pwl", "_project_conv"},
                                                       {"bn3", "_bn2"}}};

std::vector<KeyRule> timm_regnet_rules() {
    std::vector<KeyRule> rules{
        {"stem.conv.*", "stem.0.$1"},
        {"stem.bn.*", "stem.1.$1"},
        {"head.fc.*", "fc.$1"},
        {"s*.b*.downsample.conv.*", "trunk_output.block$1.block$1-$2{-1}.proj.0.$3"},
        {"s*.b*.downsample.bn.*", "trunk_output.block$1.block$1-$2{-1}.proj.1.$3"}};
    for (const auto& [number, letter] : {std::pair{1, 'a'}, {2, 'b'}, {3, 'c'}}) {
        const std::string target =
            fmt::format("trunk_output.block$1.block$1-$2{{-1}}.f.{}", letter);
        rules.push_back({fmt::format("s*.b*.conv{}.conv.*", number), target + ".0.$3"});
        rules.push_back({fmt::format("s*.b*.conv{}.bn.*", number), target + ".1.$3"});
    }
    return rules;
}

}  // namespace

const std::vector<KeyMap>& published_key_maps() {
    static const std::vector<KeyMap> maps{
        // Swin's buffers are functions of its geometry: models make them.
        {"timm, Swin Transformer with its buffers",
         "swin",
         "layers.0.**",
         {{"**.relative_position_index", {}}, {"**.attn_mask", {}}}},
        // Patch merging moved from the end of a stage to the begin of the next one, and the
        // classifier into a module.
        {"timm 0.9 and later, Swin Transformer",
         "swin",
         "layers.3.downsample.**",
         {{"layers.*.downsample.**", "layers.$1{-1}.downsample.$2"}, {"head.fc.*", "head.$1"}}},
        {"timm, RegNet", "regnet", "s1.b1.conv1.conv.weight", timm_regnet_rules()},
        {"timm, MobileNetV2", "mobilenet", "conv_stem.weight",
         rules_of(torchvision_mobilenet_v2, {1, 2, 3, 4, 3, 3, 1})},
        // Lite1 and Lite2 are of equal depth and told from Lite0 by their longer stages.
        {"timm, EfficientNet-Lite1 and 2", "efficientnet_lite", "blocks.1.2.**",
         rules_of(efficientnet_lite_pytorch, {1, 3, 3, 4, 4, 5, 1})},
        {"timm, EfficientNet-Lite0", "efficientnet_lite", "conv_stem.weight",
         rules_of(efficientnet_lite_pytorch, {1, 2, 2, 3, 3, 4, 1})},
    };
    return maps;
}

TensorMap canonical_tensors(TensorMap tensors, const std::string& family, const std::string& file) {
    if (is_augreg_vit(tensors)) return tensors_of_augreg_vit(tensors, file);
    for (const KeyMap& map : published_key_maps()) {
        if (map.applies_to(family, tensors)) tensors = rename_tensors(tensors, map, file);
    }
    return tensors;
}

}  // namespace comq
