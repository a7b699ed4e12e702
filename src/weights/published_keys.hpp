#pragma once

#include <string>
#include <vector>

#include "weights/key_map.hpp"

namespace comq {

/**
 * Key maps of publishers whose names differ from our canonical ones (timm 0.6's for
 * transformers, torchvision's for CNNs, efficientnet_lite_pytorch's for EfficientNet-Lite), in
 * the order they are applied. timm's ViT, DeiT and ResNet names are canonical as they are, and
 * Hugging Face's copies of timm's models have timm's names.
 */
const std::vector<KeyMap>& published_key_maps();

/**
 * A checkpoint for a model of `family` (ModelDescription::family) under canonical names: every
 * published map that applies is applied, and the original ViT's arrays are converted (see
 * augreg_vit.hpp). `file` is for messages.
 */
TensorMap canonical_tensors(TensorMap tensors, const std::string& family, const std::string& file);

}  // namespace comq
