#pragma once

#include <string>

#include "storage/host_tensor.hpp"

namespace comq {

/** Whether the arrays are those of a Vision Transformer of google-research/vision_transformer. */
bool is_augreg_vit(const TensorMap& arrays);

/**
 * The original ViT's arrays (`.npz`, "How to train your ViT?", arXiv 2106.10270) as timm's
 * tensors: Dense kernels [in, out] are transposed, the patch embedding [kh, kw, in, out] becomes
 * [out, in, kh, kw], and query, key and value, [dim, heads, head_dim] each, become the rows of
 * one attn.qkv.weight [3·dim, dim]. Throws InputError naming `file` and the array that is
 * missing, mis-shaped or unknown (hybrids with a ResNet stem are).
 */
TensorMap tensors_of_augreg_vit(const TensorMap& arrays, const std::string& file);

}  // namespace comq
