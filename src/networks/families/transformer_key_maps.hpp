#pragma once

#include <vector>

#include "weights/key_map.hpp"

namespace comq {

/** The names that torchvision and transformers have for ViT and DeiT, as timm's. */
std::vector<KeyMap> vision_transformer_key_maps();

/** The names of torchvision, transformers and current timm for Swin, as timm 0.6's. */
std::vector<KeyMap> swin_key_maps();

}  // namespace comq
