#include "weights/published_keys.hpp"

#include "weights/augreg_vit.hpp"

namespace comq {

const std::vector<KeyMap>& published_key_maps() {
    static const std::vector<KeyMap> maps{
        // Swin's buffers are functions of its geometry: models make them.
        {"Swin Transformer with buffers",
         "",
         {{"**.relative_position_index", {}}, {"**.attn_mask", {}}}},
        // timm 0.9 moved patch merging from the end of a stage to the begin of the next one, and
        // put the classifier into a module.
        {"timm 0.9 and later, Swin Transformer",
         "layers.3.downsample.**",
         {{"layers.1.downsample.**", "layers.0.downsample.$1"},
          {"layers.2.downsample.**", "layers.1.downsample.$1"},
          {"layers.3.downsample.**", "layers.2.downsample.$1"},
          {"head.fc.*", "head.$1"}}},
    };
    return maps;
}

TensorMap canonical_tensors(TensorMap tensors, const std::string& file) {
    if (is_augreg_vit(tensors)) return tensors_of_augreg_vit(tensors, file);
    for (const KeyMap& map : published_key_maps()) {
        if (map.applies_to(tensors)) tensors = rename_tensors(tensors, map, file);
    }
    return tensors;
}

}  // namespace comq
