#pragma once

#include <set>
#include <string>

#include "storage/host_tensor.hpp"

namespace comq {

/**
 * A checkpoint for a model of `family` (ModelDescription::family) under canonical names: timm 0.6's
 * for transformers, torchvision's for CNNs, efficientnet_lite_pytorch's for EfficientNet-Lite.
 * Every key map of the family that applies is applied, in their order, and the original ViT's
 * arrays are converted (augreg_vit.hpp). timm's ViT, DeiT and ResNet names are canonical as they
 * are, and Hugging Face's copies of timm's models have timm's names.
 *
 * Where known names stand below a prefix only (Lightning's `model.`), it is taken off; what lies
 * outside it, losses and metrics, is left out and logged. Throws InputError naming `file` and the
 * prefixes when there are several, and as rename_tensors does.
 */
TensorMap canonical_tensors(TensorMap tensors, const std::string& family, const std::string& file);

/**
 * A checkpoint for a program, whose tensors have `names`: where all of them stand below one prefix,
 * it is taken off in the same way. Else the tensors are what they were.
 */
TensorMap tensors_named(TensorMap tensors, const std::set<std::string>& names,
                        const std::string& file);

}  // namespace comq
