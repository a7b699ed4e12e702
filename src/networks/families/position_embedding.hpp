#pragma once

#include "networks/registry.hpp"
#include "storage/host_tensor.hpp"

namespace comq {

/**
 * What the position embedding of a ViT or DeiT, [1, tokens, dim] with the class token first and a
 * distillation token behind it, says of the size of images: image_size is 0 where it says nothing.
 */
void read_image_size(const TensorMap& tensors, NetworkSize& size);

/**
 * Interpolates `pos_embed` for images of `image_size` pixels as timm does (bicubic, antialiased, in
 * float; the tokens in front stay). Returns what was done, "from 14 × 14 to 24 × 24 patches".
 */
std::string resample_positions(TensorMap& tensors, int64_t image_size);

}  // namespace comq
